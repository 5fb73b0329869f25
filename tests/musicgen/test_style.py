"""Style files: what is understood, what is refused and how, where they come from."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import yaml

from soundwright.core import plugins
from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen import style_folders
from soundwright.musicgen.style import Style, read_style
from soundwright.musicgen.style_folders import available, built_in, find

PLAIN = {
    "about": "A test.",
    "genre": "polka",
    "sub_genre": "brass polka",
    "tempo": 110,
    "feel": "merry",
    "instruments": {"brass": "A tuba puffs on one and three.", "drums": "A snare answers."},
    "exclusions": ["vocals"],
}


def written(folder: Path, name: str = "polka.yaml", **changed: object) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    fields = {name: value for name, value in {**PLAIN, **changed}.items() if value != "LEFT OUT"}
    path.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def no_styles_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(style_folders.VARIABLE, raising=False)


def test_a_style_and_its_variants(tmp_path: Path) -> None:
    variants = {"small": {"tempo": [100, 104], "instruments": {"drums": None, "piano": "A piano."}}}
    style = read_style(written(tmp_path, variants=variants, sub_genre="brass\n  polka "))
    assert style.sub_genre == "brass polka"
    assert style.tempo == (110.0,)
    small, large = style.of_size("small"), style.of_size("large")
    assert small.tempo == (100.0, 104.0)
    assert list(small.instruments) == ["brass", "piano"]
    assert (small.feel, small.exclusions) == ("merry", ("vocals",))
    assert large == style.model_copy(update={"variants": {}})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"tempo": "fast"}, "tempo: expected beats per minute (20 to 300), a range [low, high], or free; found 'fast'"),
        ({"tempo": 1200}, "found 1200"),
        ({"tempo": [130, 120]}, "found [130, 120]"),
        ({"tempo": True}, "found True"),
        ({"tempo": "LEFT OUT"}, "tempo: this field is missing"),
        ({"vocals": "soprano"}, "vocals: there is no such field; fields are about, genre,"),
        ({"variants": {"small": {"about": "x"}}}, "variants.small.about: there is no such field; fields are genre,"),
        ({"variants": {"tiny": {}}}, "found 'tiny'"),
        ({"variants": {"small": {"tempo": "free-ish"}}}, "variants.small.tempo: expected beats"),
        ({"variants": {"large": {"feel": None}}}, "variants.large.feel: "),
        ({"variants": {"small": {"instruments": {"brass": None, "drums": None}}}}, "variants.small.instruments: "),
        ({"instruments": {}}, "instruments: "),
        ({"instruments": {"drums": 808}}, "instruments.drums: input should be a valid string, found 808"),
        ({"genre": "  "}, "genre: expected words, found none"),
        ({"exclusions": ["no vocals"]}, "exclusions.0: expected the thing alone, found 'no vocals'"),
        ({"exclusions": "vocals"}, "exclusions: "),
    ],
)
def test_what_is_not_understood_is_refused_in_one_line(changed: dict[str, object], told: str, tmp_path: Path) -> None:
    path = written(tmp_path, **changed)
    with pytest.raises(BadInput) as refused:
        read_style(path)
    line = str(refused.value)
    assert told in line
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    assert "-> mend the field; " in line


@pytest.mark.parametrize(
    ("text", "told"), [("- a\n- b\n", "found list"), ("a: [", "is no YAML"), ("", "found NoneType")]
)
def test_what_is_no_style_at_all(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=told):
        read_style(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_style(tmp_path / "none.yaml")


def test_the_built_in_styles_are_those_that_were_promised() -> None:
    promised = {"industrial", "ebm", "house", "techno", "jazz_trio", "ambient", "drone", "experimental", "cinematic"}
    styles = available()
    assert promised <= set(styles)
    assert {path.stem for path in built_in().iterdir()} == set(styles)
    for file in styles.values():
        style = read_style(file.path)
        assert set(style.variants) >= {"small", "medium"}, file.name
        assert "vocals" in style.exclusions, file.name
        assert len(style.of_size("small").instruments) <= 4, file.name
        assert style.form, file.name
        assert style.mix, file.name


def test_a_users_style_of_the_same_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = written(tmp_path / "mine", "house.yml")
    assert find("house", [tmp_path / "mine"]).path == mine
    assert find("house", [tmp_path / "mine"]).hides == (built_in() / "house.yaml",)
    assert find("house").path == built_in() / "house.yaml"
    theirs = written(tmp_path / "theirs", "house.yaml")
    monkeypatch.setenv(style_folders.VARIABLE, str(tmp_path / "theirs"))
    assert find("house").path == theirs
    found = find("house", [tmp_path / "mine"])
    assert (found.path, found.origin) == (mine, "--folder")
    assert found.hides == (theirs, built_in() / "house.yaml")


def test_a_strangers_package_registers_in_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = plugins.registered(style_folders.STYLES)
    assert ours["soundwright"].value == "soundwright.musicgen.style_folders:built_in"
    point = EntryPoint("theirs", "their_package:folder", style_folders.STYLES)
    written(tmp_path / "theirs", "techno.yaml")
    monkeypatch.setattr(EntryPoint, "load", lambda self: built_in if self.name == "soundwright" else lambda: gives[0])
    monkeypatch.setattr(style_folders, "registered", lambda group: {**ours, "theirs": point})

    gives: list[object] = [tmp_path / "theirs"]
    found = find("techno")
    assert (found.origin, found.hides) == ("theirs", (built_in() / "techno.yaml",))
    gives[0] = "a text"
    with pytest.raises(UsageError, match="their_package:folder gives no folder of styles"):
        find("techno")


def test_names(tmp_path: Path) -> None:
    assert find("Jazz-Trio").name == find("jazz trio").name == "jazz_trio"
    with pytest.raises(UsageError, match="no style 'tecno' -> did you mean techno"):
        find("tecno")
    with pytest.raises(UsageError, match="there are ambient, cinematic"):
        find("xyz")
    written(tmp_path / "two", "a_b.yaml")
    written(tmp_path / "two", "a-b.yml")
    with pytest.raises(UsageError, match="has the same name"):
        find("techno", [tmp_path / "two"])
    with pytest.raises(UsageError, match="is no folder of styles -> check --folder"):
        available([tmp_path / "none"])


def test_the_fields_of_a_variant_are_fields_of_a_style() -> None:
    from soundwright.musicgen.style import Variant

    assert set(Style.model_fields) - set(Variant.model_fields) == {"about", "variants"}
