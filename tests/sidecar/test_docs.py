"""docs/producers.md and the worked producer do what they say."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from soundwright.cli.root import run
from soundwright.core.plugins import PRODUCERS
from soundwright.formats import conditions, ecdc, sidecar
from soundwright.runs.options import RunOptions
from soundwright.sidecar.add import add

ROOT = Path(__file__).parents[2]
CLIPS = ("drums/loop_120bpm", "drums/loop_96bpm", "pads/air_0bpm", "pads/sea_0bpm")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of the fenced blocks."""
    return re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def tokens(folder: Path, num_frames: int = 75) -> None:
    for clip in CLIPS:
        header = ecdc.TokenHeader("encodec_24khz", num_frames * 320, 2)
        ecdc.write(folder / f"{clip}.ecdc", ecdc.TokenFile.of(header, np.zeros((2, num_frames), np.uint16)))


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    tokens(tmp_path / "ecdc")
    for language, text in blocks(ROOT / "docs/producers.md"):
        if language == "bash":
            for line in text.splitlines():
                program, *arguments = shlex.split(line)
                assert program == "soundwright"
                assert run(arguments) == 0, f"{line}\n{capsys.readouterr().err}"
        elif language == "toml":
            assert list(tomllib.loads(text)["project"]["entry-points"]) == [PRODUCERS]
        else:
            path = tmp_path / re.match(r"# file: (\S+)\n", text)[1]  # type: ignore[index]
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    schema = conditions.read(tmp_path / "params")
    assert schema is not None
    assert schema.num_incomplete == 0
    assert set(schema.columns) == {"tempo", "place", "fade"}
    assert schema.columns[0] == "tempo"
    found = sidecar.read(tmp_path / "params" / "drums" / "loop_96bpm.cond.npy")
    assert found.column("tempo")[0] == 96
    assert found.column("place")[0] == 1
    np.testing.assert_allclose(found.column("fade")[[0, 15, 74]], [0, 0.4, 1], atol=1e-3)
    printed = capsys.readouterr().out
    assert "--fade-s" in printed


def test_the_worked_producer(tmp_path: Path) -> None:
    tokens(tmp_path / "ecdc")
    for clip in CLIPS:
        path = tmp_path / "labels" / f"{clip}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0.0\t0.4\tverse\n0.6\t1.0\tchorus\n")
    (tmp_path / "labels" / "pads" / "sea_0bpm.txt").unlink()

    def go() -> object:
        return add(
            *("--labels", str(tmp_path / "labels"), "--label-classes", "none,verse,chorus"),
            audio_root=tmp_path / "ecdc",
            producer=["audacity_labels"],
            producers_dir=ROOT / "scripts/paramproducers",
            create_missing=True,
            options=RunOptions(workers=1),
        )

    summary = go()
    assert [key for key, _ in summary.failures] == ["pads/sea_0bpm.ecdc"]  # type: ignore[attr-defined]
    found = sidecar.read(tmp_path / "ecdc" / "drums" / "loop_96bpm.cond.npy")
    assert found.features["section"].classes == ("none", "verse", "chorus")
    assert list(found.column("section")[[0, 29, 30, 44, 45, 74]]) == [1, 1, 0, 0, 2, 2]
    # a changed label file makes its clip, and no other, pending again
    shutil.copy(tmp_path / "labels/pads/air_0bpm.txt", tmp_path / "labels/pads/sea_0bpm.txt")
    (tmp_path / "labels/pads/air_0bpm.txt").write_text("0\t1\tchorus\n")
    summary = go()
    assert (summary.done, summary.skipped) == (2, 2)  # type: ignore[attr-defined]
    assert set(sidecar.read(tmp_path / "ecdc/pads/air_0bpm.cond.npy").column("section")) == {2}


def test_the_readme_of_the_folder_names_all_built_in_producers() -> None:
    text = (ROOT / "scripts/paramproducers/README_paramproducers.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert all(f"| `{name}` |" in text for name in project["entry-points"][PRODUCERS])
