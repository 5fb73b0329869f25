"""What AudioCraft's processes say when they fail, and what mends it.

Its errors come as long tracebacks through hydra, dora and flashy. The table gives the meaning of those that users meet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from soundwright.core.errors import SoundwrightError

_EXPORT = "run: soundwright audiocraft export DATA --repo REPO"


@dataclass(frozen=True)
class Obstacle:
    """A way in which it fails.

    Attributes:
        pattern: a regular expression for what it says.
        meaning: what that means; may refer to the groups of the pattern.
        remedy: what to do.
    """

    pattern: str
    meaning: str
    remedy: str


OBSTACLES = (
    Obstacle(
        r"Could not find '(dset/[^']+)'",
        r"the checkout has no configuration \1.yaml (MissingConfigException)",
        f"{_EXPORT}; a fresh clone wants it anew",
    ),
    Obstacle(
        r"Could not (?:find|load) '((?!dset/)[^']+)'",
        r"the checkout has no configuration \1",
        "check the name; the files are in config/ of the checkout",
    ),
    Obstacle(
        r"Could not override '([^']+)'|Key '([^']+)' is not in struct",
        r"there is no setting \1\2",
        "check its spelling against config/ of the checkout; + in front of a setting adds a new one",
    ),
    Obstacle(
        r"__init__\(\) missing .*'(?:duration|sample_rate)'",
        "a line of data.jsonl lacks duration or sample_rate",
        _EXPORT,
    ),
    Obstacle(
        r"Expecting either a data\.jsonl|No such file or directory: '([^']+\.jsonl)'",
        "a folder of the dataset has no data.jsonl",
        _EXPORT,
    ),
    Obstacle(
        r"MissingMandatoryValue.*?(datasource\.\w+)|Missing mandatory value: (datasource\.\w+)",
        r"the dset has no \1\2",
        _EXPORT,
    ),
    Obstacle(
        r"Missing mandatory value: ([\w.]+)",
        r"no value was given for \1",
        "give a solver that has one, e.g. solver=compression/debug, or the value itself",
    ),
    Obstacle(
        r"No such file or directory: '([^']+\.(?:wav|flac|mp3|ogg))'",
        r"a file of the dataset is gone: \1",
        f"{_EXPORT}, after mending the files",
    ),
    Obstacle(
        r"No such file or directory: '(ffmpeg|ffprobe)'",
        r"\1 is not installed",
        "install ffmpeg with the system's package manager",
    ),
    Obstacle(
        r"CUDA out of memory|OutOfMemoryError",
        "the GPU's memory is too small for this",
        "give a smaller dataset.batch_size or dataset.segment_duration",
    ),
    Obstacle(
        r"Torch not compiled with CUDA enabled|No CUDA GPUs are available|Found no NVIDIA driver",
        "there is no usable GPU, and device is cuda",
        "give device=cpu, or mend the driver",
    ),
    Obstacle(
        r"no kernel image is available",
        "this PyTorch is older than the GPU",
        "install a PyTorch made for it into AudioCraft's environment",
    ),
    Obstacle(
        r"Weights only load failed",
        "newer versions of PyTorch refuse AudioCraft's checkpoints by default",
        "set TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1, as soundwright audiocraft run does",
    ),
    Obstacle(
        r"Environment variable 'USER' not found",
        "the variable USER is not set",
        "set it, as soundwright audiocraft run does",
    ),
    Obstacle(
        r"Could not find a training package|No module named audiocraft",
        "dora found no AudioCraft to run",
        "give the checkout with --repo",
    ),
    Obstacle(
        r"No module named '?([\w.]+)",
        r"\1 is not installed in AudioCraft's environment",
        "run: soundwright audiocraft doctor",
    ),
    Obstacle(
        r"No space left on device",
        "the disk is full",
        "make room; the same command goes on from the last epoch",
    ),
)

#: Not one of its own: what another exception led to, or what was raised while all was being torn down.
_NO_BEGINNING = ("The above exception was the direct cause", "During handling of the above", "Exception ignored")

_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|MissingMandatoryValue|KeyboardInterrupt)\b(?::|$)")


class ProcessFailed(SoundwrightError):
    """A process of AudioCraft's ended badly; `output` is all that it said."""

    output: str = ""


def process_failed(output: str, what: str, path: Path) -> ProcessFailed:
    """The error for what a process said before it ended badly.

    Args:
        output: its standard error, or its log.
        what: what was going on, as the beginning of a sentence.
        path: where the user can read all of it, or the interpreter.
    """
    decisive = last_traceback(output)
    for obstacle in OBSTACLES:
        match = re.search(obstacle.pattern, decisive)
        if match:
            error = ProcessFailed(f"{what}: {match.expand(obstacle.meaning)}", path=path, remedy=obstacle.remedy)
            break
    else:
        error = ProcessFailed(
            f"{what}: {last_line(decisive)}",
            path=path,
            remedy="see what it says, or run: soundwright audiocraft doctor",
        )
    error.output = output
    return error


def last_traceback(text: str) -> str:
    """The end of an output from its last traceback on, with what led to that; all of it where there is none.

    What stands before was survived: packages show the tracebacks of what they can do without.
    """
    begin = 0
    for match in re.finditer(r"^Traceback \(most recent call last\)", text, re.MULTILINE):
        line_before = text[: match.start()].rstrip().rpartition("\n")[2]
        if not line_before.startswith(_NO_BEGINNING):
            begin = match.start()
    return text[begin:].partition("\nException ignored")[0]


def last_line(text: str) -> str:
    """The line that says what went wrong: the last exception of a traceback, or else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if _EXCEPTION.match(line)]
    return (named or lines or ["it said nothing"])[-1]
