"""The root command, and what happens around every verb: progress, errors, exit codes."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError

import soundwright
from soundwright.cli import audiocraft, codec, corpus, dataset, lm, lossless, mixing, music, sidecar
from soundwright.cli.group import PARAMETERS, tell_all
from soundwright.core.errors import SoundwrightError, UsageError, show_path
from soundwright.core.threads import limit_process
from soundwright.runs.atomic import TEMPORARY
from soundwright.runs.progress import console_progress
from soundwright.runs.summary import INTERRUPTED
from soundwright.runs.workers import InternalError

#: Conventional exit code of a program whose reader left before it was done.
PIPE_BROKEN = 141
#: Faults of disks and permissions, for which a user needs no traceback.
_OF_THE_MACHINE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM,
    errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP,
)  # fmt: skip

app = App(
    name="soundwright",
    help="Builds sound models from recordings. Every step is a plain command over plain files.",
    version=soundwright.__version__,
    exit_on_error=False,
    print_error=True,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    default_parameter=PARAMETERS,
)
app.command(
    "soundwright.recipes.demo:demo",
    help="Takes a small corpus from recordings to a packed, audited dataset, and writes a page about it.",
)
app.command("soundwright.recipes.doctor:doctor", help="Tells what is installed, what is missing, and how to get it.")
app.command(corpus.app)
app.command(codec.app)
app.command(sidecar.app)

app.command(dataset.app)
app.command(audiocraft.app)
app.command(lm.app)
app.command(music.app)
app.command(mixing.app)
lossless.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command line (by default this process's) and exits with its code.

    Libraries compute with one thread, unless a verb's --threads says more.
    """
    limit_process(1)  # before anything that computes is imported
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Runs a command line.

    Returns:
        The exit code: 0 all good, 1 some items failed, 2 wrong usage, 130 interrupted, 141 when
        the reader of its output left before the work was done.
    """
    result = None
    try:
        for parsed in app.parse_commands(list(arguments))[1]:
            tell_all(parsed)
        with console_progress():
            result = app(list(arguments))
        return show(result)
    except CycloptsError:
        return 2  # already printed, with the nearest valid option
    except UsageError as error:
        return _complain(error, 2)
    except ImportError as error:
        if (package := _broken_package(error)) is None:
            raise
        return _complain(package, 1)
    except InternalError as error:
        print(error.traceback, file=sys.stderr)
        return _complain(error, 1)
    except SoundwrightError as error:
        return _complain(error, 1)
    except KeyboardInterrupt as stop:
        print(stop.args[0] if stop.args else "stopped; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has left: nothing more can be said to it.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 0 if result is not None else PIPE_BROKEN
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE:
            raise
        where = show_path(_as_named(error.filename)) if error.filename else "output folder"
        print(
            f"error: {where}: {error.strerror} -> mend it; the same command goes on from here",
            file=sys.stderr,
        )
        return 1


def _broken_package(error: ImportError) -> SoundwrightError | None:
    """What to say of a package that is installed and does not load, e.g. as its BLAS is missing; None for our own."""
    first: BaseException = error
    while (cause := first.__cause__ or first.__context__) is not None:  # cyclopts wraps what an import raised
        first = cause
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(first.__traceback__)]
    package = next((m for m in reversed(modules) if m and "importlib" not in m), "").partition(".")[0]
    if isinstance(first, ModuleNotFoundError) and first.name and not first.name.startswith("soundwright"):
        package = first.name.partition(".")[0]
    if package in ("", "__main__", "soundwright"):
        return None
    # NumPy's page of advice has the reason in its last lines.
    lines = [line.strip() for line in str(first).splitlines() if line.strip()]
    reason = next((line for line in lines if "rror was:" in line), lines[-1] if lines else type(first).__name__)
    return SoundwrightError(
        f"the package {package} cannot be loaded: {reason}",
        remedy=f"install it again: python -m pip install --force-reinstall {package}",
    )


def _as_named(path: str | bytes) -> str:
    """The folder of a temporary file, of which a user knows nothing; else the path itself."""
    name = os.fsdecode(path)
    return os.path.dirname(name) if os.path.basename(name).startswith(TEMPORARY) else name


def show(result: Any) -> int:
    """Prints what a verb returned and gives its exit code: results have `lines()` and `exit_code`."""
    if result is None:
        return 0
    for line in result.lines():
        print(line)
    return int(result.exit_code)


def _complain(error: SoundwrightError, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code
