"""What AudioCraft trains on: links, lists, and the configuration that names them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from soundwright.audiocraft.export import dset_text, export
from soundwright.cli.root import run as run_command
from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.file_lists import write_manifest

#: Document 000, section 11, "content (exact)".
DOCUMENT = """\
# @package __global__

datasource:
  max_sample_rate: 32000
  max_channels: 1
  train: /workspace/data/fma_small_mini/egs/train
  valid: /workspace/data/fma_small_mini/egs/valid
  evaluate: /workspace/data/fma_small_mini/egs/valid
  generate: /workspace/data/fma_small_mini/egs/valid
"""


def wav(path: Path, num_samples: int = 16000, rate: int = 32000, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros((num_samples, channels), np.float32), rate, subtype="PCM_16")
    return path


def split(data: Path, train: list[Path], valid: list[Path]) -> None:
    write_manifest(data / "manifests/train.jsonl", train)
    write_manifest(data / "manifests/valid.jsonl", valid)


def listed(data: Path, part: str = "train") -> list[str]:
    lines = (data / "egs" / part / "data.jsonl").read_text().splitlines()
    return [Path(json.loads(line)["path"]).name for line in lines]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    files = [wav(data / f"segments/{name}.wav") for name in ("a", "b", "c")]
    split(data, files[:2], files[2:])
    return data


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = tmp_path / "audiocraft"
    (repo / "config/dset/audio").mkdir(parents=True)
    return repo


def test_the_configuration_is_the_documents_to_the_letter() -> None:
    folders = [Path(f"/workspace/data/fma_small_mini/egs/{part}") for part in ("train", "valid")]
    assert dset_text(32000, 1, *folders) == DOCUMENT


def test_links_lists_and_configuration(data: Path, repo: Path) -> None:
    done = export(data, repo=repo)
    assert (done.exit_code, done.counts, done.total_s) == (0, {"train": 2, "valid": 1}, {"train": 1.0, "valid": 0.5})
    assert (data / "egs/train/a.wav").readlink() == data / "segments/a.wav"
    assert (data / "egs/valid/c.wav").samefile(data / "segments/c.wav")
    assert (repo / "config/dset/audio/fma_small_mini.yaml").read_text() == DOCUMENT.replace(
        "/workspace/data/fma_small_mini", str(data)
    )
    assert list(done.lines()) == [
        f"train: 2 files, 0.0 min -> {data}/egs/train",
        f"valid: 1 files, 0.0 min -> {data}/egs/valid",
        f"dset: {repo}/config/dset/audio/fma_small_mini.yaml",
    ]


def test_the_list_has_the_documents_form(data: Path) -> None:
    export(data)
    text = (data / "egs/train/data.jsonl").read_text()
    assert text == "".join(
        f'{{"path": "{data}/egs/train/{name}.wav", "duration": 0.5, "sample_rate": 32000, "channels": 1}}\n'
        for name in ("a", "b")
    )
    values = json.loads(text.splitlines()[0])
    assert [type(value) for value in values.values()] == [str, float, int, int]


def test_rate_channels_and_duration_are_the_files_own(data: Path, repo: Path) -> None:
    wav(data / "segments/b.wav", 11025, rate=44100, channels=2)
    export(data, repo=repo)
    line = json.loads((data / "egs/train/data.jsonl").read_text().splitlines()[1])
    assert (line["duration"], line["sample_rate"], line["channels"]) == (0.25, 44100, 2)
    values = yaml.safe_load((repo / "config/dset/audio/fma_small_mini.yaml").read_text())["datasource"]
    assert (values["max_sample_rate"], values["max_channels"]) == (44100, 2)


def test_a_relative_folder_gives_absolute_paths(data: Path, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data.parent)
    export(Path("data"), repo=Path("audiocraft"))
    assert json.loads((data / "egs/train/data.jsonl").read_text().splitlines()[0])["path"] == f"{data}/egs/train/a.wav"
    text = (repo / "config/dset/audio/fma_small_mini.yaml").read_text()
    assert f"train: {data}/egs/train\n" in text


@pytest.mark.parametrize("name", ["with space", "ünïcode ♪", "a #b", "key: value", 'quo"te', "{brace"])
def test_any_folder_name_is_read_back(tmp_path: Path, repo: Path, name: str) -> None:
    data = tmp_path / name
    split(data, [wav(data / "segments/a b.wav")], [wav(data / "segments/ü.wav")])
    done = export(data, repo=repo, name="mine")
    assert listed(data, "valid") == ["ü.wav"]
    values = yaml.safe_load((repo / "config/dset/audio/mine.yaml").read_text())["datasource"]
    assert values["train"] == f"{data}/egs/train"
    assert done.exit_code == 0


def test_a_second_run_changes_nothing(data: Path, repo: Path) -> None:
    dset = export(data, repo=repo).dset
    assert dset is not None
    link = data / "egs/train/a.wav"
    before = link.lstat().st_mtime_ns, dset.stat().st_mtime_ns, (data / "egs/train/data.jsonl").read_bytes()
    assert export(data, repo=repo).exit_code == 0
    assert before == (link.lstat().st_mtime_ns, dset.stat().st_mtime_ns, (data / "egs/train/data.jsonl").read_bytes())


def test_the_configuration_comes_back_after_a_fresh_clone(data: Path, repo: Path) -> None:
    dset = export(data, repo=repo).dset
    assert dset is not None
    text = dset.read_text()
    dset.unlink()
    export(data, repo=repo)
    assert dset.read_text() == text
    dset.write_text("somebody changed it")
    export(data, repo=repo)
    assert dset.read_text() == text


def test_a_smaller_split_takes_its_links_away_and_keeps_what_others_put_there(data: Path) -> None:
    export(data)
    (data / "egs/train/notes.txt").write_text("mine")
    split(data, [data / "segments/a.wav"], [data / "segments/c.wav"])
    export(data)
    assert sorted(path.name for path in (data / "egs/train").iterdir()) == ["a.wav", "data.jsonl", "notes.txt"]
    assert listed(data) == ["a.wav"]
    assert (data / "segments/b.wav").exists()


def test_a_link_to_another_place_is_led_to_the_right_one(data: Path) -> None:
    export(data)
    moved = wav(data / "elsewhere/a.wav", 8000)
    split(data, [moved, data / "segments/b.wav"], [data / "segments/c.wav"])
    assert export(data).total_s["train"] == 0.75
    assert (data / "egs/train/a.wav").readlink() == moved


def test_a_real_file_in_a_links_place_is_refused_and_kept(data: Path) -> None:
    mine = wav(data / "egs/train/a.wav", 100)
    with pytest.raises(UsageError, match=r"a\.wav: stands where a link is to be made -> move it away"):
        export(data)
    assert soundfile.info(mine).frames == 100


def test_files_that_cannot_be_used_are_listed_and_left_out(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = data / "segments/noise.wav"
    noise.write_bytes(b"no sound at all")
    split(data, [data / "segments" / f"{name}.wav" for name in ("a", "gone", "noise")], [data / "segments/c.wav"])
    assert run_command(["audiocraft", "export", str(data)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(".wav")[0] for line in said[:2]] == [
        f"failed: {data}/egs/train/gone",
        f"failed: {data}/egs/train/noise",
    ]
    assert said[2].startswith("train: 1 files")
    assert listed(data) == ["a.wav"]


def test_no_usable_file_at_all_is_an_error_that_tells_why(data: Path) -> None:
    split(data, [data / "segments/gone.wav"], [data / "segments/c.wav"])
    with pytest.raises(
        BadInput, match=r"holds no usable sound file, e\.g\. is a link whose target is gone.*gone\.wav -> run"
    ):
        export(data)


def test_two_files_of_one_name_are_refused_before_anything_is_made(data: Path) -> None:
    split(data, [data / "segments/a.wav", wav(data / "other/a.wav")], [data / "segments/c.wav"])
    with pytest.raises(BadInput, match=r"train\.jsonl: names two files a\.wav"):
        export(data)
    assert not (data / "egs/train").exists()


def test_a_file_named_twice_is_listed_once(data: Path) -> None:
    split(data, [data / "segments/a.wav"] * 2, [data / "segments/c.wav"])
    assert export(data).counts["train"] == 1


def test_a_missing_manifest_is_one_clear_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "manifests/valid.jsonl").unlink()
    assert run_command(["audiocraft", "export", str(data)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert (
        said
        == f"error: {data}/manifests/valid.jsonl: does not exist -> run: soundwright corpus split SEGMENTS MANIFESTS"
    )


def test_manifests_may_stand_elsewhere(data: Path, tmp_path: Path) -> None:
    (data / "manifests").rename(tmp_path / "lists")
    assert export(data, manifests=tmp_path / "lists").counts == {"train": 2, "valid": 1}


def test_a_folder_that_is_no_checkout_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"config/dset/audio: does not exist: this is no checkout .*clone"):
        export(data, repo=tmp_path)


@pytest.mark.parametrize("name", ["../x", "a b", "", "a/b"])
def test_a_name_that_is_no_name_is_refused(data: Path, repo: Path, name: str) -> None:
    with pytest.raises(UsageError, match="plain name"):
        export(data, repo=repo, name=name)
