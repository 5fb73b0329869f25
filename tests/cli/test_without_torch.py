"""What ships runs on the base install: the whole chain where PyTorch and its like cannot be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

#: Not to be had in any verb below.
HEAVY = (
    "torch",
    "transformers",
    "tokenizers",
    "peft",
    "datasets",
    "pandas",
    "torchaudio",
    "accelerate",
    "huggingface_hub",
)
#: Of extras that do without PyTorch: each verb names those that it may load.
OPTIONAL = ("scipy", "numba", "pyarrow", "matplotlib", "openpyxl", "sklearn")

PROGRAM = """
import json, sys
heavy, optional, arguments = json.loads(sys.argv[1])
for name in heavy:
    sys.modules[name] = None  # as if it were not installed
from soundwright.cli.root import run
code = run(arguments)
loaded = [name for name in (*heavy, *optional) if sys.modules.get(name) is not None]
print("\\n" + json.dumps([code, loaded]))
"""


def ran(arguments: Sequence[object], folder: Path) -> tuple[int, set[str], str]:
    """Exit code, what is loaded of `HEAVY` and `OPTIONAL`, and everything that was said."""
    given = json.dumps([HEAVY, OPTIONAL, [str(argument) for argument in arguments]])
    done = subprocess.run([sys.executable, "-c", PROGRAM, given], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    code, loaded = json.loads(done.stdout.splitlines()[-1])
    return code, set(loaded), done.stdout + done.stderr


def runs(arguments: Sequence[object], folder: Path, *may_load: str) -> str:
    code, loaded, said = ran(arguments, folder)
    assert code == 0, said
    assert loaded <= set(may_load)
    return said


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("light")
    t = np.arange(44_100) / 44_100
    for i, pitch in enumerate((57, 64, 69)):
        tone = 0.2 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t)
        path = folder / "recordings" / f"tone_pitch_{pitch}.00_take_{i}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, tone, 44_100)
    return folder


def test_recordings_become_a_pack_and_sound_again(recordings: Path) -> None:
    folder = recordings
    runs(["corpus", "normalize", "recordings", "normalized"], folder)
    runs(["codec", "encode", "normalized", "tokens", "--codec", "pocket", "--verify"], folder)
    name = next((folder / "tokens").glob("*.ecdc"))
    assert "pocket" in runs(["codec", "info", name], folder)
    runs(["codec", "decode", "tokens", "decoded"], folder)
    roots = ["--audio-root", "tokens", "--cond-root", "conditions"]
    runs(["sidecar", "init", *roots], folder)
    producers = ["--producer", "from_filename", "--producer", "from_audio", "--audio-files", "normalized"]
    runs(["sidecar", "add", *roots, *producers], folder)
    runs(["sidecar", "audit", *roots], folder)
    said = runs(["dataset", "build", "tokens", "dataset", "--verify"], folder, "pyarrow")
    assert "not loaded with the library datasets" in said
    assert "pitch" in runs(["dataset", "info", "dataset"], folder, "pyarrow")


def test_other_verbs_of_corpus(recordings: Path) -> None:
    runs(["corpus", "convert", "recordings", "converted"], recordings)
    runs(["corpus", "segment", "recordings", "segments", "--duration", "0.5"], recordings)
    runs(["corpus", "split", "recordings", "split"], recordings)


def test_a_pack_is_read_as_arrays(recordings: Path) -> None:
    test_recordings_become_a_pack_and_sound_again(recordings)
    program = f"""
import sys
for name in {HEAVY!r}:
    sys.modules[name] = None
from soundwright.dataset.read import open_pack
from soundwright.dataset.windows import Windows
split = open_pack("dataset").splits["train"]
window = Windows(split, 8)[0]
print(type(split[0].tokens).__name__, type(window["tokens"]).__name__, window["tokens"].shape)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=recordings, check=True)
    assert done.stdout.split() == ["ndarray", "ndarray", "(9,", "8)"]


def test_compression(recordings: Path) -> None:
    runs(["compress", "recordings", "archive"], recordings, "numba", "scipy")
    runs(["decompress", "archive", "restored"], recordings, "numba", "scipy")
    for path in (recordings / "recordings").iterdir():
        assert (recordings / "restored" / path.name).read_bytes() == path.read_bytes()


def test_the_demo(tmp_path: Path) -> None:
    said = runs(["demo", "--output", "demo"], tmp_path, "pyarrow", "matplotlib")
    assert "36 clips" in said
    assert (tmp_path / "demo" / "report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["codec", "encode", "recordings", "other", "--codec", "encodec_24khz"], "torch"),
        (["codec", "train", "recordings", "codec"], "torch"),
        (["lm", "train", "--audio-dir", "recordings"], "torch"),
        (["mix", "train"], "mix,torch"),
        (["music", "generate", "--prompt", "drone", "--duration", "1", "--output", "a.wav"], "music"),
    ],
)
def test_what_needs_pytorch_says_what_to_type(recordings: Path, arguments: list[str], extra: str) -> None:
    code, loaded, said = ran(arguments, recordings)
    assert code == 2
    assert not loaded & set(HEAVY)
    assert f"pip install 'soundwright[{extra}]'" in said
    assert "Traceback" not in said
