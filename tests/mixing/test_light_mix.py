"""The shipped mixer on the base install and the extra `mix`: no PyTorch, nor anything that comes with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from soundwright.audio.files import write_wav
from soundwright.core.errors import MissingExtra
from soundwright.mixing.executor import MixingTools, add_up
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.train import train
from soundwright.mixing.trial import trial

RATE = 22_050
HEAVY = ("torch", "transformers", "tokenizers", "peft", "huggingface_hub", "numba")
PROGRAM = """
import sys
from soundwright.cli.root import run
code = run(sys.argv[2:])
print(code, sorted(name for name in sys.argv[1].split(",") if name in sys.modules))
"""


def imported(*arguments: object) -> str:
    """The exit code, and what of HEAVY a command has imported."""
    line = [sys.executable, "-c", PROGRAM, ",".join(HEAVY), *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stems with faults, and the mix as it should be."""
    folder = tmp_path_factory.mktemp("song")
    stems = make_song(1, 4.0, RATE)
    tools = MixingTools(RATE)
    faulty = stems | {
        "drums": tools.change_volume(stems["drums"], db=7.0),
        "bass": tools.apply_eq(stems["bass"], low_gain=-6.0, high_gain=4.0),
    }
    for name, sound in faulty.items():
        write_wav(folder / "stems" / f"{name}.wav", sound, RATE)
    write_wav(folder / "reference.wav", add_up(stems.values()), RATE)
    return folder


def test_fix_and_apply(song: Path, tmp_path: Path) -> None:
    fixed, applied = tmp_path / "fixed", tmp_path / "applied"
    words = ("--prompt", "vocals down 2 dB")
    told = imported("mix", "fix", song / "stems", "--reference", song / "reference.wav", *words, "--output", fixed)
    assert told == "0 []"
    assert "apply_eq" in (fixed / "instructions.txt").read_text()
    assert imported("mix", "apply", fixed / "steps.json", song / "stems", "--output", applied) == "0 []"
    assert (applied / "mix.wav").read_bytes() == (fixed / "mix.wav").read_bytes()


def test_evaluate(tmp_path: Path) -> None:
    for stem, sound in make_song(1, 15.0, RATE).items():
        write_wav(tmp_path / "songs/artist/song/stems" / f"{stem}.wav", np.asarray(sound), RATE)
    some = ("--limit", 1, "--segments-per-song", 1, "--references", "same-mix")
    assert imported("mix", "evaluate", "tiny", "--songs", tmp_path / "songs", *some) == "0 []"


@pytest.mark.parametrize("module", ["torch", "peft", "scipy", "numba"])
def test_training_says_what_it_lacks_before_any_work(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    for verb in (lambda: trial(tmp_path / "no.yaml", keep=tmp_path / "kept"), lambda: train(tmp_path / "no.yaml")):
        with pytest.raises(MissingExtra, match=rf"needs the module {module}.*soundwright\[mix,torch\]"):
            verb()
    assert not list(tmp_path.iterdir())
