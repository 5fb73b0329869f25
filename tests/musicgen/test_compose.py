"""From style to prompt, and what a prompt lacks."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from soundwright.core.errors import UsageError
from soundwright.musicgen.compose import compose, size_of
from soundwright.musicgen.prompt_check import check_prompt, lacking
from soundwright.musicgen.style_folders import available, built_in

SIZES = ("small", "medium", "large")
EVERY = [(name, size) for name in available() for size in SIZES]


@pytest.mark.parametrize(("name", "size"), EVERY, ids=["-".join(each) for each in EVERY])
def test_every_prompt_has_what_the_document_asks_for(name: str, size: str) -> None:
    made = compose(name, size)
    assert list(map(str, lacking(check_prompt(made.prompt)))) == []
    assert made.prompt.endswith(", instrumental only.")
    assert made.negative_prompt == ""
    # sentences, with a capital and an end, and nothing between them but one space
    assert not re.search(r"\s\s|\.\.| \.|\n", made.prompt)
    sentences = re.split(r"(?<=[.!?]) ", made.prompt)
    assert 5 <= len(sentences) <= 12
    assert all(sentence[0].isupper() for sentence in sentences)
    # short for the small model; long and descriptive for the others, yet far from where its text encoder cuts
    assert 50 <= len(made.prompt.split()) <= (110 if size == "small" else 240)
    assert len(compose(name, "small").prompt) < len(compose(name, "medium").prompt)


def test_composing_twice_gives_the_same_and_names_its_source() -> None:
    made = compose("industrial", "small")
    assert made == compose("industrial", "small")
    assert made.style == "industrial"
    assert made.digest == hashlib.sha256((built_in() / "industrial.yaml").read_bytes()).hexdigest()
    assert "around 128 BPM" in made.prompt
    assert "4-on-the-floor" in made.prompt
    assert made.prompt != compose("industrial", "medium").prompt != compose("industrial", "large").prompt


def test_exclusions_go_into_the_negative_prompt_instead() -> None:
    words = compose("techno", "small")
    negative = compose("techno", "small", exclusions="negative")
    assert negative.negative_prompt == "vocals, melodic leads, piano"
    assert words.prompt == f"{negative.prompt} No vocals, no melodic leads, no piano, instrumental only."
    assert [finding.point for finding in lacking(check_prompt(negative.prompt))] == ["exclusions"]
    assert not list(lacking(check_prompt(negative.prompt, negative.negative_prompt)))


def test_the_users_own_words_stand_before_the_exclusions() -> None:
    made = compose("ambient", "large", extra="  like sun\n through fog ")
    assert " Like sun through fog. No vocals, " in made.prompt
    assert compose("drone", "large", exclusions="negative", extra="One bell!").prompt.endswith(" One bell!")


@pytest.mark.parametrize(
    ("model", "size"),
    [("small", "small"), ("stereo-medium", "medium"), ("melody", "medium"), ("stereo-melody-large", "large")],
)
def test_the_names_of_checkpoints_stand_for_sizes(model: str, size: str) -> None:
    assert size_of(model) == size


def test_what_cannot_be_composed() -> None:
    with pytest.raises(UsageError, match="expected a size, small, medium, large, found './folder'"):
        compose("techno", "./folder")
    with pytest.raises(UsageError, match="did you mean techno"):
        compose("tekno", "small")
    with pytest.raises(UsageError, match="words or negative"):
        compose("techno", "small", exclusions="never")  # type: ignore[arg-type]


def test_a_folder_goes_before_the_built_in_styles(tmp_path: Path) -> None:
    text = (built_in() / "techno.yaml").read_text().replace("tempo: 132", "tempo: 140")
    (tmp_path / "techno.yaml").write_text(text)
    made = compose("techno", "small", folders=[tmp_path])
    assert "around 140 BPM" in made.prompt
    assert made.hides == (built_in() / "techno.yaml",)
    assert made.digest != compose("techno", "small").digest


GOOD = (
    "Deep house around 122 BPM with a warm, steady groove. A round kick and soft claps, a mellow bass line and "
    "electric piano chords over vinyl crackle. No vocals, no distorted guitars, instrumental only."
)


@pytest.mark.parametrize(
    ("prompt", "points"),
    [
        (GOOD, []),
        ("", ["length", "tempo or feel", "genre", "instruments", "exclusions"]),
        ("slow jazz", ["length", "instruments", "exclusions"]),
        (GOOD.replace(" around 122 BPM with a warm, steady groove", ""), ["tempo or feel"]),
        (GOOD.replace("warm, steady groove", "tempo of 90 bpm"), ["tempo or feel"]),
        (GOOD.replace("Deep house", "A tune"), ["genre"]),
        (GOOD.replace(". ", ", "), ["length"]),
        (GOOD.replace("No vocals, no distorted guitars, instrumental only.", "It rolls on and on."), ["exclusions"]),
        (GOOD.replace("mellow bass line", "soulful female singer"), ["no voices"]),
        (GOOD + " But a choir sings at the end.", ["no voices"]),
        (GOOD + "\n[Verse 1]\nTerraform my heart", ["no voices"]),
        (GOOD.replace("No vocals, no", "Avoid singing, rap or"), []),
        (GOOD.replace("warm, steady groove", "drive that never stops"), []),
    ],
)
def test_what_a_prompt_lacks(prompt: str, points: list[str]) -> None:
    assert [finding.point for finding in lacking(check_prompt(prompt))] == points


def test_what_was_found_is_shown() -> None:
    told = [str(finding) for finding in check_prompt(GOOD)]
    assert told[1] == "ok      tempo or feel: 122 BPM, steady, groove"
    assert told[4] == "ok      exclusions: No vocals, no distorted guitars, instrumental only"
    (lack, *_) = lacking(check_prompt("slow jazz"))
    assert str(lack).startswith("lacks   length: 2 words, ")
    assert " -> write several sentences" in str(lack)


def test_a_long_track_of_the_medium_model_is_no_transition() -> None:
    assert "This is a transition" in compose("house", "medium", duration_s=30).prompt
    long = compose("house", "medium", duration_s=180).prompt
    assert "transition" not in long
    assert "It opens with drums and bass" in long
    assert compose("house", "small", duration_s=180).prompt == compose("house", "small").prompt
