"""`mix fix`: what is written, and what is left alone."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fixed_folder import ALWAYS, FAULTS, RATE, Says, Write, contents, files, told
from numpy.typing import NDArray

from soundwright.audio.files import probe, read_audio
from soundwright.audio.lufs import integrated_loudness
from soundwright.audio.true_peak import true_peak
from soundwright.formats.instructions import Call, parse
from soundwright.formats.mixing_steps import read_steps
from soundwright.mixing.executor import MixingTools
from soundwright.mixing.fix import fix


def test_everything_is_written(stems: Path, tmp_path: Path, says: Says, song: dict[str, NDArray[np.float32]]) -> None:
    says(FAULTS)
    mixed = fix([stems], prompt="too loud", output=tmp_path / "out")
    assert mixed.exit_code == 0
    assert files(tmp_path / "out") == ALWAYS | {f"stems/{name}.wav" for name in song} | {"dry/drums.wav"}
    assert (tmp_path / "out/instructions.txt").read_text() == FAULTS
    source = {name: read_audio(stems / f"{name}.wav") for name in song}
    expected, mix = MixingTools(RATE).mix(source, parse(FAULTS))
    for name in song:
        path = tmp_path / "out/stems" / f"{name}.wav"
        np.testing.assert_allclose(read_audio(path), expected[name], atol=2e-7)
        if name in ("drums", "bass"):
            assert probe(path).subtype == "PCM_24"
        else:
            assert path.read_bytes() == (stems / f"{name}.wav").read_bytes()
    result = read_audio(tmp_path / "out/mix.wav")
    assert result.shape == mix.shape
    assert integrated_loudness(result, RATE) == pytest.approx(-14, abs=0.1)
    assert 20 * math.log10(true_peak(result)) <= -1.0


def test_steps_json_says_all(stems: Path, tmp_path: Path, says: Says, write: Write) -> None:
    asked = says(FAULTS)
    reference = write(tmp_path / "ref.wav", 0.1 * np.ones((2, 400)))
    fix([stems], prompt="too <b>loud", reference=reference, output=tmp_path / "out", refuse=[2], loudness=-16)
    steps = read_steps(tmp_path / "out/steps.json")
    assert [(s.number, s.stem, s.tool, s.refused) for s in steps.steps] == [
        (1, "drums", "change_volume", False),
        (2, "bass", "apply_eq", True),
    ]
    assert steps.steps[0].note == "softer by 6 dB; expected error 0.7 dB"
    assert steps.steps[0].confidence == 0.9
    assert (steps.model, steps.prompt, steps.sample_rate, steps.loudness_lufs) == ("tiny", "too <b>loud", RATE, -16.0)
    assert steps.notes == ["a note"]
    assert steps.reference is not None
    assert steps.reference.file == "ref.wav"
    assert set(steps.stems) == {"vocals", "drums", "bass", "other"}
    assert steps.stems["drums"].num_samples == 2 * RATE
    assert asked[0]["prompt"] == "too <b>loud"
    assert asked[0]["reference"].shape == (2, 400)
    assert (tmp_path / "out/instructions.txt").read_text() == "drums: change_volume(db=-6.0)\n"
    assert (tmp_path / "out/stems/bass.wav").read_bytes() == (stems / "bass.wav").read_bytes()


def test_a_good_mix_is_left_alone(stems: Path, tmp_path: Path, says: Says, capsys: pytest.CaptureFixture[str]) -> None:
    says("")
    code, out, _ = told(capsys, "mix", "fix", stems, "--output", tmp_path / "out")
    assert code == 0
    assert "there is nothing to do: the mix is left alone" in out
    for path in stems.iterdir():
        assert (tmp_path / "out/stems" / path.name).read_bytes() == path.read_bytes()
    assert (tmp_path / "out/instructions.txt").read_text() == ""
    assert "left alone" in (tmp_path / "out/report.html").read_text()


def test_the_command_line_and_a_dry_run(
    stems: Path, tmp_path: Path, says: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    says(FAULTS)
    before = contents(tmp_path)
    code, out, _ = told(capsys, "mix", "fix", *sorted(stems.iterdir()), "--prompt", "x\ny", "--dry-run", "--refuse", 1)
    assert code == 0
    assert "  1  drums: change_volume(db=-6.0)  [0.90]  REFUSED  softer by 6 dB" in out
    assert "mix fix: 1 step; nothing is written (--dry-run)" in out
    assert contents(tmp_path) == before
    code, _, err = told(capsys, "mix", "fix", stems, "--dry-run", "--refuse", 3)
    assert (code, err.splitlines()[-1]) == (2, "error: --refuse 3: there are 1, 2 -> look at them with --dry-run")
    assert told(capsys, "mix", "fix", stems)[::2] == (2, "error: there is no --output -> give a folder, or --dry-run\n")


def test_again_gives_the_same_and_removes_what_is_ours(stems: Path, tmp_path: Path, says: Says) -> None:
    says(FAULTS)
    fix([stems], output=tmp_path / "out")
    first = contents(tmp_path / "out")
    fix([stems], output=tmp_path / "out")
    assert contents(tmp_path / "out") == first
    says("bass: change_volume(db=1)")
    (tmp_path / "out/mine.txt").write_text("mine")
    fix([stems], output=tmp_path / "out")
    assert "dry/drums.wav" not in files(tmp_path / "out")
    assert {"mine.txt", "dry/bass.wav"} <= files(tmp_path / "out")


def test_the_formats_of_what_is_written(tmp_path: Path, says: Says, write: Write) -> None:
    says("float: change_volume(db=1.0)\nloud: change_volume(db=24.0)\nflac: change_volume(db=1.0)")
    noise = (0.1 * np.random.default_rng(0).standard_normal((2, RATE))).astype(np.float32)
    folder = tmp_path / "in"
    write(folder / "float.wav", noise, subtype="FLOAT")
    write(folder / "loud.wav", noise)
    write(folder / "flac.flac", noise, subtype="PCM_24")
    write(folder / "untouched.flac", noise, subtype="PCM_24")
    fix([folder], output=tmp_path / "out")
    subtypes = {path.name: probe(path).subtype for path in (tmp_path / "out/stems").iterdir()}
    assert subtypes == {"float.wav": "FLOAT", "loud.wav": "FLOAT", "flac.wav": "PCM_24", "untouched.wav": "FLOAT"}
    assert np.abs(read_audio(tmp_path / "out/stems/loud.wav")).max() > 1
    untouched = read_audio(folder / "untouched.flac")
    np.testing.assert_array_equal(read_audio(tmp_path / "out/stems/untouched.wav"), untouched)


def test_one_song_and_names_of_any_kind(tmp_path: Path, says: Says, write: Write) -> None:
    name = 'Lead: "take" <2>, 99%\nünï'
    says("")
    song = write(tmp_path / f"{name}.wav", 0.1 * np.ones((2, RATE)))
    mixed = fix([song], output=tmp_path / "out", prompt="\udcff <script>")
    assert list(mixed.steps.stems) == [name]
    assert mixed.steps.prompt == "? <script>"
    page = (tmp_path / "out/report.html").read_text()
    assert "<script>" not in page
    says(json.dumps(name) + ": change_volume(db=-1.0)")
    fix([song], output=tmp_path / "out")
    assert read_steps(tmp_path / "out/steps.json").instructions() == {name: (Call("change_volume", {"db": -1.0}),)}


def test_a_folder_of_reference_stems(stems: Path, tmp_path: Path, says: Says, write: Write) -> None:
    asked = says("")
    write(tmp_path / "ref/stems/drums.wav", 0.1 * np.ones((1, 16_000)), 16_000)
    fix([stems], reference=tmp_path / "ref", dry_run=True)
    assert list(asked[0]["reference"]) == ["drums"]
    assert asked[0]["reference"]["drums"].shape == (2, RATE)


def test_the_written_mix_is_the_sum(stems: Path, tmp_path: Path, says: Says) -> None:
    says(FAULTS)
    mixed = fix([stems], output=tmp_path / "out")
    assert mixed.rendered is not None
    total = sum(soundfile.read(path)[0] for path in sorted((tmp_path / "out/stems").iterdir())).T
    mix = read_audio(tmp_path / "out/mix.wav")
    after = read_audio(tmp_path / "out/listen/after.wav")
    gain = float(after.reshape(-1) @ total.reshape(-1) / np.square(total).sum())
    np.testing.assert_allclose(after, gain * total, atol=5e-5)
    assert mixed.rendered.before.loudness_lufs is not None
    assert mixed.rendered.mix.loudness_lufs == pytest.approx(integrated_loudness(mix, RATE), abs=0.01)


def test_after_a_stop_in_the_middle_the_same_command_goes_on(
    stems: Path, tmp_path: Path, says: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundwright.mixing import page

    says(FAULTS)
    fix([stems], output=tmp_path / "out")
    whole = contents(tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(page, "write_page", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            fix([stems], output=tmp_path / "out", refuse=[1])
    assert "steps.json" not in files(tmp_path / "out")
    fix([stems], output=tmp_path / "out")
    assert contents(tmp_path / "out") == whole
