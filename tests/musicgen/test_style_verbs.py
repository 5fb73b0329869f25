"""The group `styles` of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from cyclopts import App

from soundwright.cli import music_styles, root
from soundwright.musicgen.compose import compose
from soundwright.musicgen.style_folders import VARIABLE, built_in


@pytest.fixture(autouse=True)
def no_styles_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = root.run(["music", "styles", *map(str, arguments)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_group_has_its_verbs() -> None:
    assert isinstance(music_styles.app, App)
    assert {name for name in music_styles.app if not name.startswith("-")} == {"list", "show", "compose", "check"}


def test_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "list")
    assert (code, err) == (0, "")
    assert "techno           130-134 BPM  Hypnotic warehouse techno" in out
    (tmp_path / "techno.yaml").write_text("tempo: fast")
    code, out, _ = run(capsys, "list", "--folder", tmp_path)
    assert code == 1
    assert "cannot be used: about: this field is missing" in out
    assert f"{tmp_path / 'techno.yaml'} takes the place of {built_in() / 'techno.yaml'}" in out


def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "show", "house")
    assert code == 0
    assert out.count(" BPM, ") == 4
    assert compose("house", "medium").prompt in out
    assert "medium:" not in run(capsys, "show", "house", "--size", "small")[1]
    source = run(capsys, "show", "house", "--source")[1]
    assert source == (built_in() / "house.yaml").read_text()
    # the beginning of one's own
    (tmp_path / "mine.yaml").write_text(source.replace("tempo: 122", "tempo: 126"))
    assert "around 126 BPM" in run(capsys, "compose", "mine", "--folder", tmp_path)[1]


def test_compose_prints_the_prompt_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "compose", "industrial")
    assert (code, out, err) == (0, f"{compose('industrial', 'small').prompt}\n", "")
    code, out, err = run(capsys, "compose", "techno", "--size", "stereo-large", "--exclusions", "negative")
    assert out == f"{compose('techno', 'large', exclusions='negative').prompt}\n"
    assert "give --negative-prompt 'vocals, " in err
    arguments = ("compose", "techno", "--exclusions", "negative", "--part", "negative")
    assert run(capsys, *arguments)[1] == "vocals, melodic leads, piano\n"
    (tmp_path / "techno.yaml").write_text((built_in() / "techno.yaml").read_text())
    assert "takes the place of" in run(capsys, "compose", "techno", "--folder", tmp_path, "--extra", "Rain.")[2]
    code, out, err = run(capsys, "compose", "tecno")
    assert (code, out) == (2, "")
    assert "did you mean techno" in err


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", "slow jazz")[0] == 1
    assert run(capsys, "check", compose("ebm", "medium").prompt)[0] == 0
    code, out, _ = run(capsys, "check", "--style", "jazz-trio")
    assert code == 0
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        "jazz_trio, small",
        "jazz_trio, medium",
        "jazz_trio, large",
    ]
    (tmp_path / "prompt.txt").write_text("slow jazz\n")
    assert run(capsys, "check", "--file", tmp_path / "prompt.txt")[0] == 1
    assert run(capsys, "check", "--file", built_in() / "drone.yaml", "--size", "small")[0] == 0
    code, _, err = run(capsys, "check", "--file", tmp_path / "none.txt")
    assert code == 1
    assert "cannot be read" in err
    assert run(capsys, "check", "")[0] == 1
    assert run(capsys, "check")[0] == 2
    assert run(capsys, "check", "slow jazz", "--style", "ebm")[0] == 2
