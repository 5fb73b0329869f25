"""`mix fix` on what is odd or cannot be: one clear line each, nothing overwritten, and the rest goes on."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixed_folder import ALWAYS, FAULTS, RATE, Says, Write, contents, files, told

from soundwright.audio.files import probe, read_audio
from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.mixing_steps import read_steps
from soundwright.mixing.executor import add_up
from soundwright.mixing.fix import fix
from soundwright.mixing.fix_stems import read_stereo


@pytest.mark.parametrize("name", ["mix.wav", "stems/drums.wav", "report.html", "dry/drums.wav"])
def test_files_of_others_are_never_replaced(stems: Path, tmp_path: Path, says: Says, name: str) -> None:
    says(FAULTS)
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="exists already and was not made by this command"):
        fix([stems], output=tmp_path / "out")
    assert contents(tmp_path) == before
    fix([stems], output=tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / name).read_bytes() != b"mine"


def test_what_was_changed_since_is_not_replaced(stems: Path, tmp_path: Path, says: Says) -> None:
    says(FAULTS)
    fix([stems], output=tmp_path / "out")
    (tmp_path / "out/instructions.txt").write_text("my own")
    with pytest.raises(UsageError, match=r"instructions\.txt: exists already and was changed since it was written"):
        fix([stems], output=tmp_path / "out")
    assert (tmp_path / "out/instructions.txt").read_text() == "my own"


def test_inputs_are_never_written_over(stems: Path, tmp_path: Path, says: Says) -> None:
    says(FAULTS)
    with pytest.raises(UsageError, match="is the folder of the stems"):
        fix([stems], output=stems, overwrite=True)
    fix([stems], output=tmp_path / "out")
    with pytest.raises(UsageError, match="would be written over, and is an input"):
        fix([tmp_path / "out/stems"], output=tmp_path / "out", overwrite=True)
    with pytest.raises(UsageError, match="is a file, and a folder is to be written"):
        fix([stems], output=stems / "bass.wav")
    (tmp_path / "out2/mix.wav").mkdir(parents=True)
    with pytest.raises(UsageError, match="is a folder, and a file is to be written"):
        fix([stems], output=tmp_path / "out2", overwrite=True)


def odd_folder(folder: Path, write: Write) -> Path:
    """A stem of every kind that occurs, and two that cannot be used."""
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal((2, RATE))).astype(np.float32)
    write(folder / "clipped.wav", np.clip(40 * noise, -1, 1))
    write(folder / "good.wav", noise)
    write(folder / "low.wav", noise[:, :8000], 8000)
    write(folder / "mono.wav", noise[:1])
    write(folder / "one.wav", noise[:, :1])
    write(folder / "short.wav", noise[:, : RATE // 2])
    write(folder / "silent.wav", 0 * noise)
    write(folder / "six.wav", np.tile(noise, (3, 1)))
    bad = noise.copy()
    bad[0, 5] = np.nan
    write(folder / "nan.wav", bad, subtype="FLOAT")
    (folder / "junk.wav").write_text("no sound")
    return folder


def test_each_odd_stem_is_one_line_and_the_rest_goes_on(
    tmp_path: Path, says: Says, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = says("good: change_volume(db=-3.0)")
    folder = odd_folder(tmp_path / "in", write)
    code, out, _ = told(capsys, "mix", "fix", folder, "--output", tmp_path / "out")
    assert code == 1
    lines = [line for line in out.splitlines() if line.startswith(("note:", "failed:"))]
    starts = (
        f"failed: {folder}/junk.wav: cannot be read as audio",
        f"failed: {folder}/nan.wav: has samples that are NaN or infinite -> repair or leave out the file",
        "note: clipped: clipped, ",
        "note: low: 8000 Hz, resampled to 22050: nothing above 4 kHz",
        "note: mono: mono, both channels get it",
        "note: one: only 1 sample, left as it is",
        "note: one: 4.535e-05 s of 1 s, the rest is silent",
        "note: short: 0.5 s of 1 s, the rest is silent",
        "note: silent: silent, left as it is",
        "note: six: 6 channels, both channels get their mean",
        "note: junk.wav is not in the mix",
        "note: nan.wav is not in the mix",
        "note: a note",
        "note: there is no reference",
    )
    assert len(lines) == len(starts)
    for line, start in zip(lines, starts, strict=True):
        assert line.startswith(start)
    assert set(asked[0]["stems"]) == {"clipped", "good", "low", "mono", "short", "six"}
    assert all(sound.shape[0] == 2 for sound in asked[0]["stems"].values())
    written = tmp_path / "out/stems"
    assert (written / "mono.wav").read_bytes() == (folder / "mono.wav").read_bytes()
    assert (written / "one.wav").read_bytes() == (folder / "one.wav").read_bytes()
    assert probe(written / "low.wav").sample_rate == RATE
    assert probe(tmp_path / "out/mix.wav").num_samples == RATE
    assert probe(written / "six.wav").channels == 2
    whole = add_up(read_stereo(written / f"{name}.wav", RATE) for name in read_steps(tmp_path / "out/steps.json").stems)
    after = read_audio(tmp_path / "out/listen/after.wav")
    gain = float((after * whole).sum() / np.square(whole).sum())
    np.testing.assert_allclose(after, gain * whole, atol=5e-5)


@pytest.mark.parametrize(
    ("make", "lines"),
    [
        (lambda noise: noise[:, :1], "the mix has no loudness"),
        (lambda noise: 0 * noise, "the mix is silent"),
        (lambda noise: noise[:, :5000], "the mix has no loudness"),
    ],
)
def test_a_mix_that_is_hardly_one_is_written_all_the_same(
    tmp_path: Path, says: Says, write: Write, make: Any, lines: str
) -> None:
    says("")
    noise = (0.1 * np.random.default_rng(0).standard_normal((2, RATE))).astype(np.float32)
    mixed = fix([write(tmp_path / "in/a.wav", make(noise))], output=tmp_path / "out")
    assert lines in "\n".join(mixed.lines())
    assert files(tmp_path / "out") >= ALWAYS


def test_what_cannot_be_asked(stems: Path, tmp_path: Path, write: Write, says: Says) -> None:
    says("")
    empty = tmp_path / "empty"
    empty.mkdir()
    low = write(tmp_path / "low.wav", np.ones((1, 4000)), 4000)
    junk = tmp_path / "junk.wav"
    junk.write_text("x")
    for given, options, error, message in (
        ([tmp_path / "nothing"], {}, UsageError, "does not exist"),
        ([empty], {}, UsageError, "holds no sound files"),
        ([], {}, UsageError, "there are no stems"),
        ([stems, stems / "bass.wav"], {}, UsageError, "is a second stem 'bass'"),
        ([low], {}, BadInput, "has 4000 Hz; expected at least 8000"),
        ([junk], {}, BadInput, "cannot be read as audio"),
        ([stems], {"loudness": 3.0}, UsageError, "is not between -70 and -5"),
        ([stems], {"loudness": math.nan}, UsageError, "is not between -70 and -5"),
        ([stems], {"tempo": 0.0}, UsageError, "is not between 1 and 960"),
        ([stems], {"reference": junk}, BadInput, "cannot be read as audio"),
    ):
        with pytest.raises(error, match=message) as raised:
            fix(given, output=tmp_path / "out", **options)
        assert "\n" not in str(raised.value)
    no_text = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    low.rename(no_text)
    with pytest.raises(UsageError, match="too long, or no text"):
        fix([no_text], output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_reference_of_a_few_samples_is_said_to_be_none(
    stems: Path, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundwright.formats.instructions import parse
    from soundwright.mixing import suggest

    notes = ("the reference is shorter than 0.1 s: not used",)
    answer = suggest.Suggestion(parse(FAULTS), {}, {}, 0.9, notes, blind=True)
    monkeypatch.setattr(suggest, "suggest", lambda *_, **__: answer)
    mixed = fix([stems], reference=write(tmp_path / "click.wav", np.ones((2, 9))), dry_run=True)
    assert any(note.startswith("there is no reference") for note in mixed.steps.notes)
    assert not any(step.refused for step in mixed.steps.steps)


def test_a_model_that_is_none(stems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(capsys, "mix", "fix", stems, "--output", tmp_path / "out", "--model", "no-such")
    assert (code, err.splitlines()[-1][:7]) == (2, "error: ")
    assert "there is no mixer 'no-such'" in err
    (tmp_path / "model").mkdir()
    (tmp_path / "model/mixer.json").write_text("{}")
    code, _, err = told(capsys, "mix", "fix", stems, "--output", tmp_path / "out", "--model", tmp_path / "model")
    assert (code, err.splitlines()[-1][:7]) == (1, "error: ")
    assert "holds no weights.safetensors" in err
    assert not (tmp_path / "out").exists()


def test_a_stem_that_changes_while_it_is_read(
    stems: Path, tmp_path: Path, says: Says, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundwright.mixing import fix_stems

    says("")
    monkeypatch.setattr(fix_stems, "file_digest", lambda path: "0" * 64)
    with pytest.raises(BadInput, match="changed while it was read"):
        fix([stems], output=tmp_path / "out")
    assert not files(tmp_path / "out")
