"""Every command of document 004, word for word, from the folder `scripts/`, on songs of a few seconds."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import yaml

from soundwright.cli.root import run as soundwright
from soundwright.formats.instructions import parse
from soundwright.mixing.config import TrainConfig, read_config
from soundwright.mixing.executor import MixingTools
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.tools import check

HERE = Path(__file__).parent
SCRIPTS = HERE.parents[1] / "scripts"
CONFIG = "src/tuning/config/mixer_config.yaml"
TEXT = (HERE / "004.md").read_text(encoding="utf-8")
RATE = 22_050


def blocks(wanted: str = "") -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
    return [block for language, block in found if language == wanted]


def commands() -> list[list[str]]:
    return [shlex.split(block.replace("\\\n", " ")) for block in blocks("bash")]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A copy of `scripts/`, with songs in `data/raw` as the document has them."""
    scripts = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__", "data", "models"))
    for artist, song in (("artist1", "song1"), ("artist1", "song2"), ("artist2", "song1")):
        stems = make_song(len(artist + song), 8.2, RATE)
        path = scripts / f"data/raw/{artist}/{song}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sum(stems.values()).T, RATE)
        if song == "song1":
            path.unlink()
            (path.with_suffix("") / "stems").mkdir(parents=True)
            for name, samples in stems.items():
                soundfile.write(path.with_suffix("") / "stems" / f"{name}.wav", samples.T, RATE)
    return scripts


def run(words: list[str], scripts: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(words, cwd=scripts, env=environment, capture_output=True, text=True)


def test_the_document_has_the_commands_that_we_think() -> None:
    assert [words[:3] for words in commands()] == [
        ["python", "-m", "src.tuning.tune_mixer"],
        ["python", "-m", "src.tuning.test_mixer_training"],
    ]


def test_the_training(workplace: Path) -> None:
    done = run(commands()[0], workplace)
    assert done.returncode == 0, done.stderr
    dataset = json.loads((workplace / "data/dataset.json").read_text())
    assert set(dataset["artists"]) == {"artist1", "artist2"}
    assert set(dataset["artists"]["artist1"]) == {"song1", "song2"}
    assert list((workplace / "data/processed/artist1/song1").glob("*/drums.wav"))
    assert (workplace / "models/finetuned/mixer/mixer.json").is_file()
    assert (workplace / "models/finetuned/mixer/adapter").is_dir()
    assert "generators is not used" in done.stdout + done.stderr
    assert "used as one: 1 of 3 songs" in done.stdout + done.stderr


def test_the_test_of_the_training(workplace: Path) -> None:
    shutil.rmtree(workplace / "data")
    done = run(commands()[1], workplace)
    assert done.returncode == 0, done.stderr
    for told in (
        "trained: 1 steps",
        "beginning from tiny",
        "decoded: ",
        "carried out: distance to the good mix",
        "everything works",
    ):
        assert told in done.stdout
    assert not (workplace / "data").exists()
    assert not (workplace / "models").exists()


def test_all_flags_and_defaults_of_the_document_are_ours() -> None:
    from soundwright.mixing.train import train

    ours = inspect.signature(train).parameters
    flags = re.findall(r"^- `--(\w+)`: (.*)$", TEXT, flags=re.MULTILINE)
    assert len(flags) == 7
    for flag, words in flags:
        default = re.search(r"\(default: `(.*)`\)", words)
        assert ours[flag].default == (Path(default[1]) if default else None), flag


def test_artist_and_limit_limit(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workplace)
    words = ["mix", "train", "--num_epochs", "1"]
    assert soundwright([*words, "--artist", "artist1", "--limit", "1"]) == 0
    artists = json.loads((workplace / "data/dataset.json").read_text())["artists"]
    assert {artist: list(songs) for artist, songs in artists.items()} == {"artist1": ["song1"]}
    assert soundwright([*words, "--artist", "artist3"]) == 2
    assert "error: data/raw: --artist 'artist3': no such artist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"default": {"batch_size": "many"}}, "default.batch_size"),
        ({"default": 3}, "default"),
        ({"mixer": {"lora": {"rank": 8}}}, "mixer.lora.rank"),
        ({"data": {"stems": ["vocals"]}}, "data.stems"),
        ({"augmentation": {"operations": {"loop": {"probability": 0.3}}}}, "there is no tool 'loop'"),
    ],
)
def test_a_config_that_cannot_be_is_one_line(
    workplace: Path,
    change: dict[str, object],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(workplace)
    (workplace / "bad.yaml").write_text(yaml.safe_dump(change))
    assert soundwright(["mix", "train", "--config", "bad.yaml"]) in (1, 2)
    err = capsys.readouterr().err
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert told in errors[0]
    assert "Traceback" not in err
    assert not (workplace / "models/finetuned/mixer/mixer.json").exists()


def test_a_base_model_folder_without_a_file_is_one_line(workplace: Path) -> None:
    (workplace / "base").mkdir()
    (workplace / "base/config.json").write_text("{}")
    (workplace / "bad.yaml").write_text(yaml.safe_dump({"mixer": {"preset": "document", "text_model": "base"}}))
    done = run(["python", "-m", "src.tuning.tune_mixer", "--config", "bad.yaml"], workplace)
    assert done.returncode in (1, 2)
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: base: ")
    assert "Traceback" not in done.stderr
    assert not (workplace / "models/finetuned/mixer/mixer.json").exists()


def test_the_structure_of_the_document() -> None:
    """What the document's tree lists in `src/` is there, under its name."""
    tree = next(block for block in blocks() if "tune_mixer.py" in block)
    folders: list[str] = []
    named = []
    for line in tree.splitlines():
        drawn, _, name = line.split("#")[0].rstrip().rpartition(" ")
        depth = len(drawn + " ") // 4 - 1
        folders[depth:] = [name.rstrip("/")]
        named.append("/".join(folders))
    inside = [name for name in named if name.startswith("src/")]
    assert f"{CONFIG}" in inside
    assert len(inside) == 8
    for name in inside:
        assert (SCRIPTS / name).exists(), name


def test_the_config_has_the_documented_sections_and_says_the_defaults() -> None:
    sections = re.findall(
        r"^- `(\w+)`: ", TEXT.partition("## Configuration")[2].partition("## Training")[0], re.MULTILINE
    )
    written = yaml.safe_load((SCRIPTS / CONFIG).read_text())
    assert list(written) == sections == ["default", "data", "mixer", "generators", "augmentation"]
    config = read_config(SCRIPTS / CONFIG)
    assert config.model_copy(update={"generators": {}}) == TrainConfig()


def test_what_the_document_names_can_be_imported(workplace: Path) -> None:
    program = (
        "from src.music.mixer import MixingTools, parse\n"
        "from src.tuning.tune_mixer_dataset import read_dataset\n"
        "from src.data_processing import prepare\n"
        "import numpy as np\n"
        "calls = parse('change_volume(db=-3.0)')['']\n"
        "print(MixingTools(44100).apply(np.ones((2, 4), np.float32), calls)[0, 0].round(3))\n"
    )
    done = run(["python", "-c", program], workplace)
    assert (done.returncode, done.stdout) == (0, "0.708\n"), done.stderr


def test_the_documented_output_is_carried_out() -> None:
    example = next(block for block in blocks() if "change_volume" in block)
    instructions = parse(example)
    check(instructions, ["song"])
    assert [call.tool for call in instructions[""]] == ["change_volume", "apply_eq", "apply_reverb"]
    stems, mix = MixingTools(RATE).mix({"song": sum(make_song(1, 1.0, RATE).values())}, instructions)
    assert mix.shape == (2, RATE)
