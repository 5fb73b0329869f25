"""What AudioCraft's processes say when they fail: recorded from real ones, their middles left out."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from soundwright.audiocraft.failures import ProcessFailed, last_line, process_failed

HYDRA_HINT = "\nSet the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.\n"
TRAIN = (
    'Traceback (most recent call last):\n  File "/repo/audiocraft/train.py", line 139, in main\n    get_solver(cfg)\n'
)

NO_DSET = """\
Dora directory: /workspace/experiments
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/hydra/_internal/defaults_list.py", line 799, in config_not_found_error
    raise MissingConfigException(
hydra.errors.MissingConfigException: In 'config': Could not find 'dset/audio/nothere'

Available options in 'dset':
	default
Config search path:
	provider=hydra, path=pkg://hydra.conf
	provider=main, path=file:///repo/audiocraft/../config
"""
PATH_ONLY = f"""\
[11-20 14:04:39][flashy.solver][INFO] - All XP logs are stored in /workspace/experiments/xps/78387a51
Error executing job with overrides: ['solver=compression/debug', 'dset=audio/fma_small_mini']
{TRAIN}  File "/repo/audiocraft/data/audio_dataset.py", line 75, in from_dict
    return cls(**base)
           ^^^^^^^^^^^
TypeError: AudioMeta.__init__() missing 2 required positional arguments: 'duration' and 'sample_rate'
{HYDRA_HINT}"""
CUDA = f"""\
{TRAIN}  File "/venv/lib/python3.11/site-packages/torch/cuda/__init__.py", line 522, in _lazy_init
    raise AssertionError("Torch not compiled with CUDA enabled")
AssertionError: Torch not compiled with CUDA enabled
{HYDRA_HINT}"""
WEIGHTS = f"""\
{TRAIN}  File "/venv/lib/python3.11/site-packages/torch/serialization.py", line 1609, in load
    raise pickle.UnpicklingError(_get_wo_message(str(e))) from None
_pickle.UnpicklingError: Weights only load failed. This file can still be loaded, to do so you have two options, \
\x1b[1mdo those steps only if you trust the source of the checkpoint\x1b[0m.
	WeightsUnpickler error: Unsupported global: GLOBAL omegaconf.dictconfig.DictConfig was not an allowed global.

Check the documentation of torch.load to learn more about types accepted by default with weights_only.
{HYDRA_HINT}"""
NO_USER = """\
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "/venv/lib/python3.11/site-packages/omegaconf/resolvers/oc/__init__.py", line 38, in env
    raise KeyError(f"Environment variable '{key}' not found")
omegaconf.errors.InterpolationResolutionError: KeyError raised while resolving interpolation: \
"Environment variable 'USER' not found"
    full_key: dora.dir
    object_type=dict
"""
GONE = f"""\
[11-20 14:04:11][audiocraft.data.audio_dataset][WARNING] - Error opening file /data/egs/train/gone5.wav: \
FileNotFoundError(2, 'No such file or directory', '/data/egs/train/gone5.wav')
Error executing job with overrides: ['solver=compression/debug']
{TRAIN}  File "av/error.py", line 354, in av.error.err_check
    raise cls(code, message, filename, log)
    ^^^^^^^^^^^^^^^
av.error.FileNotFoundError: [Errno 2] No such file or directory: '/data/egs/train/gone4.wav'
{HYDRA_HINT}"""
NO_STAND_IN = """\
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/torch/_ops.py", line 1516, in load_library
    ctypes.CDLL(path)
OSError: libcudart.so.13: cannot open shared object file: No such file or directory

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
    raise OSError(f"Could not load this library: {path}") from e
OSError: Could not load this library: /venv/lib/python3.11/site-packages/torchaudio/lib/_torchaudio.abi3.so
"""
SURVIVED = """\
A matching Triton is not available, some optimizations will not be enabled
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/xformers/__init__.py", line 55, in _is_triton_available
    import triton
ModuleNotFoundError: No module named 'triton'
"""
TORN_DOWN = """\
Exception ignored in: <function _MultiProcessingDataLoaderIter.__del__ at 0x7f>
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/torch/utils/data/dataloader.py", line 1479, in __del__
AssertionError: can only test a child process
"""


def failed(output: str) -> ProcessFailed:
    return process_failed(output, "training failed", Path("all.log"))


@pytest.mark.parametrize(
    ("output", "meaning", "remedy"),
    [
        (NO_DSET, "the checkout has no configuration dset/audio/nothere.yaml", "audiocraft export DATA --repo REPO"),
        (NO_DSET.replace("dset/audio", "solver"), "the checkout has no configuration solver/nothere", "check the name"),
        (PATH_ONLY, "a line of data.jsonl lacks duration or sample_rate", "audiocraft export DATA"),
        (CUDA, "there is no usable GPU, and device is cuda", "device=cpu"),
        (WEIGHTS, "newer versions of PyTorch refuse AudioCraft's checkpoints", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1"),
        (NO_USER, "the variable USER is not set", "set it"),
        (GONE, "a file of the dataset is gone: /data/egs/train/gone4.wav", "after mending the files"),
        (NO_STAND_IN, "OSError: Could not load this library: /venv/lib", "soundwright audiocraft doctor"),
    ],
    ids=["dset", "solver", "path only", "cuda", "weights", "user", "gone", "no stand-in"],
)
def test_what_real_ones_said(output: str, meaning: str, remedy: str) -> None:
    error = failed(output)
    assert error.message.startswith(f"training failed: {meaning}")
    assert error.remedy is not None
    assert remedy in error.remedy
    assert (error.path, error.output) == (Path("all.log"), output)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (
            "hydra.errors.ConfigCompositionException: Could not override 'optim.epoch'.\nTo append use +optim.epoch=2",
            "there is no setting optim.epoch",
        ),
        ("omegaconf.errors.ConfigAttributeError: Key 'nope' is not in struct", "there is no setting nope"),
        (
            "omegaconf.errors.MissingMandatoryValue: Missing mandatory value: datasource.evaluate",
            "the dset has no datasource.evaluate",
        ),
        (
            "omegaconf.errors.MissingMandatoryValue: Missing mandatory value: dataset.batch_size",
            "no value was given for dataset.batch_size",
        ),
        (
            "TypeError: __init__() missing 1 required positional argument: 'sample_rate'",  # as Python 3.9 says it
            "a line of data.jsonl lacks duration or sample_rate",
        ),
        (
            "ValueError: Don't know where to read metadata from in the dir. "
            "Expecting either a data.jsonl or data.jsonl.gz file but none found.",
            "a folder of the dataset has no data.jsonl",
        ),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'ffmpeg'", "ffmpeg is not installed"),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "the GPU's memory is too small"),
        ("RuntimeError: CUDA error: no kernel image is available for execution", "this PyTorch is older than the GPU"),
        ("RuntimeError: Found no NVIDIA driver on your system.", "there is no usable GPU"),
        ("Could not find a training package. Use -P, or DORA_PACKAGE to set the package.", "dora found no AudioCraft"),
        ("ModuleNotFoundError: No module named 'julius'", "julius is not installed in AudioCraft's environment"),
        ("/venv/bin/python: No module named dora", "dora is not installed in AudioCraft's environment"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
    ],
)
def test_what_others_are_known_to_say(said: str, meaning: str) -> None:
    assert f"training failed: {meaning}" in failed(f"{TRAIN}{said}\n").message


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"{TRAIN}ZeroDivisionError: division by zero\n{HYDRA_HINT}", "ZeroDivisionError: division by zero"),
        (f"{TRAIN}AssertionError\n", "AssertionError"),
        (
            "Could not load library libcudnn_cnn_infer.so.8. Please make sure it is in your library path!\n",
            "Could not load library libcudnn_cnn_infer.so.8. Please make sure it is in your library path!",
        ),
        ("one line\nthe last line\n\n", "the last line"),
        ("", "it said nothing"),
    ],
)
def test_what_nobody_knows_is_told_as_it_is(said: str, told: str) -> None:
    error = failed(said)
    assert error.message == f"training failed: {told}"
    assert error.remedy is not None
    assert "doctor" in error.remedy


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        (SURVIVED + CUDA, "there is no usable GPU, and device is cuda"),
        (SURVIVED + f"{TRAIN}ZeroDivisionError: division by zero\n", "ZeroDivisionError: division by zero"),
        (f"{TRAIN}ZeroDivisionError: division by zero\n" + TORN_DOWN, "ZeroDivisionError: division by zero"),
        (SURVIVED + GONE + TORN_DOWN, "a file of the dataset is gone: /data/egs/train/gone4.wav"),
    ],
    ids=["known", "unknown", "torn down", "both"],
)
def test_what_was_survived_is_not_the_reason(output: str, meaning: str) -> None:
    assert failed(output).message == f"training failed: {meaning}"


def test_the_cause_of_the_last_exception_counts() -> None:
    output = (
        f"{TRAIN}ModuleNotFoundError: No module named 'julius'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        f"{TRAIN}RuntimeError: solvers could not be loaded\n"
    )
    assert "julius is not installed" in failed(output).message


def test_the_last_line_is_the_last_exception() -> None:
    assert last_line("KeyError: 1\nnoise\nValueError: 2\n    full_key: x\n\n") == "ValueError: 2"
    assert last_line("[11-20][WARNING] - ValueError: no exception, but told of\nend") == "end"


def test_it_survives_the_way_home_from_another_process() -> None:
    error = failed(CUDA)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.output) == (str(error), CUDA)
