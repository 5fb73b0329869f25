"""FluidSynth with the FluidR3 GM sound font (MIT): notes to sound."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from soundwright.core.errors import UsageError
from soundwright.recipes.midi import Note, write_midi

SOUND_FONTS = (
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/soundfonts/FluidR3_GM.sf2",
    "/usr/local/share/soundfonts/FluidR3_GM.sf2",
)


def require_tools(*others: str) -> Path:
    """The sound font's path, when FluidSynth and these other programs are there too.

    Raises:
        UsageError: a program or the sound font is missing; the remedy is the line to type.
    """
    missing = [program for program in ("fluidsynth", *others) if shutil.which(program) is None]
    font = next((Path(path) for path in SOUND_FONTS if Path(path).exists()), None)
    if font is None:
        missing.append("FluidR3_GM.sf2")
    if missing or font is None:
        raise UsageError(
            f"rendering notes needs {', '.join(missing)}, not found",
            remedy=f"apt install {' '.join(('fluidsynth', 'fluid-soundfont-gm', *others))}",
        )
    return font


def render_notes(notes: list[Note], wav: Path, sample_rate: int, *, reverb: bool = False) -> None:
    """Renders notes to a stereo WAV file of floats, without chorus; it ends when the last note has died away.

    Raises:
        UsageError: FluidSynth or the sound font is missing, or it failed.
    """
    font = require_tools()
    with tempfile.TemporaryDirectory() as folder:
        midi = Path(folder, "a.mid")
        write_midi(midi, notes)
        options = ["-ni", "-q", "-g", "0.4", "-r", str(sample_rate), "-R", "1" if reverb else "0", "-C", "0"]
        run_tool(["fluidsynth", *options, "-O", "float", "-T", "wav", "-F", str(wav), str(font), str(midi)])


def run_tool(command: list[str]) -> None:
    """Runs another program.

    Raises:
        UsageError: it failed; with the end of what it said.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UsageError(f"{command[0]} failed with code {done.returncode}: {done.stderr.strip()[-300:]}")
