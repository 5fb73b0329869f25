"""Sets: plans, crossfades of equal power, joins, cue sheets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundwright.audio.tagged import read_tags
from soundwright.audio.true_peak import true_peak
from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen.album import album
from soundwright.musicgen.album_plan import read_plan
from soundwright.musicgen.album_record import SetRecord
from soundwright.musicgen.crossfade import Part, fade_gains, join, joined_length
from soundwright.runs.events import Event, Note, listening

PLAN = """
title: Night drive
crossfade: 0.25
loudness: -32
seed: 7
models: {{stem: {stem}, transition: {transition}}}
tracks:
  - {{name: Opening, prompt: slow ambient 60 bpm, duration: 1.5}}
  - {{name: Bridge, kind: transition, prompt: kick drums, duration: 1}}
  - {{name: End, prompt: bass, duration: 1.5, crossfade: 0.5}}
"""


def test_a_set_is_made_joined_and_not_made_again(
    tiny_musicgen: Path, tiny_musicgen_stereo: Path, tmp_path: Path
) -> None:
    (tmp_path / "set.yaml").write_text(PLAN.format(stem=tiny_musicgen, transition=tiny_musicgen_stereo))
    made = album(tmp_path / "set.yaml")
    assert made.exit_code == 0
    folder = tmp_path / "set"
    info = soundfile.info(folder / "Night drive.wav")
    assert (info.channels, info.frames) == (2, round((1.5 + 1 - 0.25 + 1.5 - 0.5) * 32_000))
    cue = (folder / "Night drive.cue").read_text().splitlines()
    assert cue[:2] == ['TITLE "Night drive"', 'FILE "Night drive.wav" WAVE']
    assert [line.split()[-1] for line in cue if "INDEX" in line] == ["00:00:00", "00:01:19", "00:01:56"]
    assert (folder / "Night drive.txt").read_text() == "00:00  Opening\n00:01  Bridge\n00:01  End\n"
    levels = [outcome.record.sound["loudness_lufs"] for outcome in made.outcomes if outcome.record]
    assert np.abs(np.array(levels) + 32).max() < 0.3
    joined = soundfile.read(folder / "Night drive.wav", dtype="float32", always_2d=True)[0].T
    assert 20 * np.log10(true_peak(np.ascontiguousarray(joined))) <= -0.9
    (folder / "03-End.wav").unlink()
    again = album(tmp_path / "set.yaml")
    assert [outcome.already for outcome in again.outcomes] == [True, True, False]
    assert again.exit_code == 0
    names = ["01-Opening", "02-Bridge", "03-End", "Night drive"]
    expected = [f"{name}{ending}" for name in names for ending in (".json", ".wav")]
    assert sorted(p.name for p in folder.iterdir()) == sorted([*expected, "Night drive.cue", "Night drive.txt"])
    before = (folder / "Night drive.wav").stat().st_mtime_ns
    assert "there already" in "\n".join(album(tmp_path / "set.yaml").lines())
    assert (folder / "Night drive.wav").stat().st_mtime_ns == before
    record = json.loads((folder / "Night drive.json").read_text())
    assert [track["start_s"] for track in record["tracks"]] == [0.0, 1.25, 1.75]
    assert record["tracks"][2]["seed"] == 9
    tags = read_tags(folder / "Night drive.wav")
    assert tags.copyright == "Model weights: as given by whoever made the folder"
    assert json.loads(tags.comment) == {name: value for name, value in record.items() if name != "run"}


ONE = "title: {title}\nmodels: {{stem: {stem}}}\ntracks: [{{name: a, prompt: bass, duration: 0.3{more}}}]\n"


def one_track(model: Path, folder: Path, title: str = "Set", more: str = "") -> Path:
    plan = folder / "set.yaml"
    plan.write_text(ONE.format(title=title, stem=model, more=more))
    return plan


def test_files_of_others_are_left_and_that_is_said_before_the_work(tiny_musicgen: Path, tmp_path: Path) -> None:
    plan = one_track(tiny_musicgen, tmp_path)
    (tmp_path / "set").mkdir()
    for ending in (".txt", ".cue", ".json", ".wav"):
        mine = tmp_path / f"set/Set{ending}"
        mine.write_text("mine")
        with pytest.raises(UsageError, match=f"Set{ending}: exists already and is not as this command wrote it"):
            album(plan)
        assert mine.read_text() == "mine"
        mine.unlink()
    assert not list((tmp_path / "set").iterdir())
    album(plan)
    (tmp_path / "set/Set.txt").write_text("with my notes")
    with pytest.raises(UsageError, match=r"Set\.txt: exists already"):
        album(plan)
    assert album(plan, overwrite=True).exit_code == 0
    assert (tmp_path / "set/Set.txt").read_text() == "00:00  a\n"


def test_a_title_that_is_the_name_of_a_track(tiny_musicgen: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the set and its track 01-a\.wav have one name"):
        album(one_track(tiny_musicgen, tmp_path, title="01-A"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("}, {name: b, prompt: c, model: small", "not in the Hugging Face cache"),
        ("}, {name: b, style: tecno", "there is no style 'tecno'"),
        ("}, {name: b, prompt: c, model: smal", "no model 'smal'"),
    ],
)
def test_what_is_wrong_with_the_last_track_is_told_before_the_first(
    more: str, told: str, tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    plan = one_track(tiny_musicgen, tmp_path, more=more)
    plan.write_text(f"crossfade: 0\n{plan.read_text()}")
    with pytest.raises(UsageError, match=told):
        album(plan)
    assert [path.name for path in tmp_path.iterdir()] == ["set.yaml"]


def test_a_set_that_was_stopped_while_it_was_joined_is_joined_again(
    tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = one_track(tiny_musicgen, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(SetRecord, "finish", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(BadInput, match=r"Set\.wav: cannot be written: No space left"):
            album(plan)
    assert album(plan).exit_code == 0


def test_the_cue_sheet_of_an_mp3(tiny_musicgen: Path, tmp_path: Path) -> None:
    plan = one_track(tiny_musicgen, tmp_path)
    plan.write_text(f"format: mp3\n{plan.read_text()}")
    seen: list[Event] = []
    with listening(seen.append):
        album(plan)
    assert 'FILE "Set.mp3" MP3' in (tmp_path / "set/Set.cue").read_text()
    assert any(event.text.startswith("1 track with ") for event in seen if isinstance(event, Note))


def test_the_gains_of_a_crossfade_have_constant_power() -> None:
    going, coming = fade_gains(4800)
    assert np.abs(going.astype(float) ** 2 + coming.astype(float) ** 2 - 1).max() < 1e-6
    assert np.array_equal(going, coming[::-1])
    assert (np.diff(coming) > 0).all()


def test_noise_faded_into_noise_keeps_its_power() -> None:
    rng = np.random.default_rng(0)
    first, second = (0.1 * rng.standard_normal((1, 60_000)).astype(np.float32) for _ in range(2))
    joined = np.concatenate(list(join([Part([first], 60_000), Part([second], 60_000, 30_000)], 1)), axis=1)
    assert joined.shape == (1, 90_000)
    power = np.square(joined[0]).reshape(-1, 5000).mean(1)
    assert np.abs(10 * np.log10(power / 0.01)).max() < 0.3


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_join_does_not_depend_on_pieces(size: int) -> None:
    rng = np.random.default_rng(0)
    sounds = [rng.standard_normal((2, length)).astype(np.float32) for length in (500, 300, 400)]
    overlaps = [0, 100, 150]

    def parts(step: int) -> list[Part]:
        return [
            Part([sound[:, i : i + step] for i in range(0, sound.shape[1], step)], sound.shape[1], overlap)
            for sound, overlap in zip(sounds, overlaps, strict=True)
        ]

    whole = np.concatenate(list(join(parts(10_000), 2)), axis=1)
    assert whole.shape[1] == joined_length(zip((500, 300, 400), overlaps, strict=True))
    assert np.array_equal(np.concatenate(list(join(parts(size), 2)), axis=1), whole)
    assert np.array_equal(whole[:, :400], sounds[0][:, :400])
    assert np.array_equal(whole[:, 500:550], sounds[1][:, 100:150])


def test_overlaps_that_do_not_fit() -> None:
    sound = np.zeros((1, 100), np.float32)
    with pytest.raises(ValueError, match="do not fit"):
        list(join([Part([sound], 100), Part([sound], 100, 60), Part([sound], 100, 60)], 1))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tracks: []", "title: Field required (and 1 more)"),
        ("title: a\ntracks: [{name: b, prompt: c, bpm: 3}]", "tracks.0.bpm: Extra inputs are not permitted"),
        ("title: a\ntracks: [{name: b}]", "track 1 (b) has neither prompt nor style"),
        ("title: a\ntracks: [{name: b, prompt: c, duration: -1}]", "tracks.0.duration: Input should be greater than 0"),
        ("title: a\ntracks: [{name: b, prompt: c}, {name: B, prompt: c}]", "two tracks have the name b"),
        ("title: a\ncrossfade: 40\ntracks: [{name: b, prompt: c}, {name: d, prompt: c, duration: 30}]", "lasts 30 s"),
        ("title: [", "is no YAML"),
        ("", "Input should be"),
    ],
)
def test_a_plan_that_is_not_as_expected(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(text)
    with pytest.raises(BadInput) as caught:
        read_plan(tmp_path / "set.yaml")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_stems_and_transitions_have_the_documents_defaults(tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(
        "title: a\ntracks:\n- {name: b, prompt: c}\n- {name: d, prompt: e, kind: transition}\n"
    )
    stem, transition = read_plan(tmp_path / "set.yaml").tracks
    assert (stem.chosen_model({}), stem.length_s()) == ("small", 60.0)
    assert (transition.chosen_model({}), transition.length_s()) == ("medium", 30.0)
