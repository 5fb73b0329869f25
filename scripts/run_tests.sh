#!/usr/bin/env bash
# The testing flow of document 003: builds the image, fills the cache, makes a small and a medium clip, checks them as
# audio, and runs the basic Python tests. What cannot run here is skipped with its reason. The exit code is 0 when all
# that ran has passed, and something has.
#
#   scripts/run_tests.sh                                  everything, with the GPU
#   scripts/run_tests.sh --accelerator cpu                the image without CUDA (TORCH_INDEX=ADDRESS for its wheels)
#   scripts/run_tests.sh --local FOLDER                   both clips from a model in a folder, without Docker
#
# Other options: --only small (or medium), --small-duration and --medium-duration (seconds, 60 and 30), --output FOLDER
# (output), --cache FOLDER (model-cache), --no-python. DOCKER and PYTHON in the environment name other programs, e.g.
# DOCKER=podman.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DOCKER=${DOCKER:-docker}

accelerator=cuda local_model='' sizes='small medium' small_s=60 medium_s=30 output=$ROOT/output cache=$ROOT/model-cache python_tests=yes
while (($#)); do
  case $1 in
    --accelerator | --local | --only | --small-duration | --medium-duration | --output | --cache)
      (($# > 1)) || { echo "error: $1 wants a value" >&2; exit 2; }
      case $1 in
        --accelerator) accelerator=$2 ;;
        --local) local_model=$2 ;;
        --only) sizes=$2 ;;
        --small-duration) small_s=$2 ;;
        --medium-duration) medium_s=$2 ;;
        --output) output=$2 ;;
        --cache) cache=$2 ;;
      esac
      shift 2 ;;
    --no-python) python_tests=no; shift ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "error: unknown option $1; see --help" >&2; exit 2 ;;
  esac
done
case $accelerator in cpu | cuda) ;; *) echo "error: --accelerator is cpu or cuda, not $accelerator" >&2; exit 2 ;; esac
case $sizes in 'small medium' | small | medium) ;; *) echo "error: --only is small or medium, not $sizes" >&2; exit 2 ;; esac
image=soundwright-music:$accelerator

if [ -z "${PYTHON:-}" ]; then
  PYTHON=python3
  [ -x "$ROOT/.venv/bin/python" ] && PYTHON=$ROOT/.venv/bin/python
fi

passed=0 failed=0 skipped=0
skip() { skipped=$((skipped + 1)); echo "skip    $1: $2"; }
# Runs a step; what it prints is shown. The result is its exit code.
step() {
  local name=$1
  shift
  echo "run     $name"
  if "$@"; then passed=$((passed + 1)); echo "passed  $name"; else failed=$((failed + 1)); echo "FAILED  $name"; return 1; fi
}

in_image() {
  local gpu=()
  [ "$accelerator" = cuda ] && gpu=(--gpus all)
  "$DOCKER" run --rm ${gpu[@]+"${gpu[@]}"} --user "$(id -u):$(id -g)" -v "$cache:/cache" -v "$output:/workspace/output" "$image" "$@"
}

# The weights are in the cache whole, or this says what is missing.
in_cache() {
  in_image env HF_HUB_OFFLINE=1 python -c "import sys; from soundwright.musicgen.checkpoints import find; find(sys.argv[1])" "$1" \
    >/dev/null 2>&1
}

hub_answers() {
  in_image python -c "
import socket, urllib.parse
from huggingface_hub import constants
address = urllib.parse.urlparse(constants.ENDPOINT)
socket.create_connection((address.hostname, address.port or 443), timeout=10).close()" >/dev/null 2>&1
}

# A clip out of the image, its prompt from the styles, and its check: size, seconds. An earlier clip would be left as it
# is and prove nothing.
clip_in_image() {
  local prompt
  rm -f "$output/test_$1".*
  prompt=$(in_image soundwright music styles compose industrial --size "$1") || return 1
  in_image python /workspace/generate_fsdp.py --model "$1" --prompt "$prompt" --duration "$2" --seed 1 \
    --output "/workspace/output/test_$1.wav" || return 1
  in_image python /workspace/check_clip.py "/workspace/output/test_$1.wav" --duration "$2"
}

clip_here() {
  local prompt
  rm -f "$output/test_$1".*
  prompt=$("$PYTHON" -m soundwright music styles compose industrial --size "$1") || return 1
  "$PYTHON" "$ROOT/scripts/workspace/generate_fsdp.py" --model "$local_model" --prompt "$prompt" --duration "$2" --seed 1 \
    --output "$output/test_$1.wav" || return 1
  "$PYTHON" "$ROOT/scripts/workspace/check_clip.py" "$output/test_$1.wav" --duration "$2"
}

build() {
  "$DOCKER" build -f "$ROOT/docker/Dockerfile" -t "$image" -t audiocraft:large.community \
    --build-arg "ACCELERATOR=$accelerator" --build-arg "TORCH_INDEX=${TORCH_INDEX:-}" "$ROOT"
}

with_docker() {
  if ! command -v "$DOCKER" >/dev/null; then
    reason="there is no $DOCKER here"
  elif ! "$DOCKER" info >/dev/null 2>&1; then
    reason="$DOCKER does not answer ($DOCKER info)"
  else
    # An image that was not built from these files proves nothing about them: without it there are no clips.
    step "image $image" build || return 0
    step "what is installed in the image" in_image soundwright doctor || true
    preload_and_clips
    return 0
  fi
  skip "image" "$reason"
  skip "preload" "$reason"
  skip "clips $sizes" "$reason; --local FOLDER makes them without"
}

# clips HOW: those of all sizes, by clip_here or clip_in_image. The weights of $missing may be in the cache all the same.
clips() {
  local size seconds
  for size in $sizes; do
    seconds=$small_s
    [ "$size" = medium ] && seconds=$medium_s
    if [ -n "$missing" ] && ! in_cache "$size"; then
      skip "clip $size" "the weights: $missing"
    else
      step "clip $size, $seconds s" "$1" "$size" "$seconds" || true
    fi
  done
}

missing=''
preload_and_clips() {
  # shellcheck disable=SC2086  # one word per size
  if hub_answers; then
    step "preload $sizes" in_image soundwright music preload $sizes || missing="preloading failed"
  else
    skip "preload $sizes" "the model hub cannot be reached from the image"
    missing="they are not in $cache, and the model hub cannot be reached"
  fi
  clips clip_in_image
}

# Absolute: to Docker a bare name is a volume of its own.
mkdir -p "$output" "$cache"
output=$(cd "$output" && pwd) cache=$(cd "$cache" && pwd)
if [ -n "$local_model" ]; then
  if [ ! -f "$local_model/config.json" ]; then
    echo "error: $local_model: expected a model's folder with a config.json" >&2
    exit 2
  fi
  skip "image, preload" "--local was asked for"
  clips clip_here
else
  with_docker
fi

if [ $python_tests = no ]; then
  skip "Python tests" "--no-python was asked for"
elif ! "$PYTHON" -c "import pytest, soundwright" 2>/dev/null; then
  skip "Python tests" "$PYTHON has no pytest or no soundwright; make install brings both"
else
  tests=("$ROOT"/tests/musicgen/test_{style,compose,generation,sound}*.py "$ROOT/tests/docker/test_files.py")
  step "Python tests" "$PYTHON" -m pytest -q -p no:cacheprovider -m "not full" "${tests[@]}" || true
fi

echo "$passed passed, $failed failed, $skipped skipped"
if ((failed)); then exit 1; fi
if ((passed == 0)); then echo "nothing ran" >&2; exit 1; fi
