"""`codec decode` and `codec info`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundwright.codec.decode import decode
from soundwright.codec.encodec import EncodecCodec
from soundwright.codec.info import info
from soundwright.core.errors import BadInput, UsageError
from soundwright.formats import ecdc, torch_tokens
from soundwright.formats.ecdc import TokenFile, TokenHeader
from soundwright.runs.options import RunOptions

pytestmark = pytest.mark.usefixtures("one_thread")

ONE = RunOptions(workers=1)


@pytest.fixture
def trees(tmp_path: Path, codec: EncodecCodec) -> Path:
    """Two token files, one of them with a name that tests the rules."""
    for index, name in enumerate(("a.ecdc", "sub/stéréo\n_amp_.75.ecdc")):
        header = TokenHeader("encodec_24khz", 20_000 + index, 8, codec.info.revision, "ab" * 32, extras={"note": "é"})
        codes = np.random.default_rng(index).integers(0, 1024, (8, header.num_frames)).astype(np.uint16)
        ecdc.write(tmp_path / "in" / name, TokenFile.of(header, codes))
    return tmp_path / "in"


def test_every_token_file_becomes_its_sound(trees, tmp_path, encodec_folder, codec) -> None:
    summary = decode(trees, tmp_path / "out", codec=str(encodec_folder), options=ONE)
    assert (summary.done, summary.exit_code) == (2, 0)
    for name in ("a", "sub/stéréo\n_amp_.75"):
        tokens = ecdc.read(trees / f"{name}.ecdc")
        sound, sample_rate = soundfile.read(tmp_path / "out" / f"{name}.wav", dtype="float32")
        assert (sample_rate, sound.shape) == (24_000, (tokens.num_samples,))
        whole = np.clip(codec.decode(tokens.codes, tokens.num_samples), -1, 1)
        np.testing.assert_allclose(sound * 32768 / 32767, whole, atol=1e-4)
    assert decode(trees, tmp_path / "out", codec=str(encodec_folder), options=ONE).skipped == 2


def test_one_file_and_the_older_form(trees, tmp_path, encodec_folder) -> None:
    torch_tokens.write(tmp_path / "old.ecdc", ecdc.read(trees / "a.ecdc"))
    decode(trees / "a.ecdc", tmp_path / "out", codec=str(encodec_folder), options=ONE)
    decode(tmp_path / "old.ecdc", tmp_path / "out2", codec=str(encodec_folder), options=ONE)
    sounds = [soundfile.read(path, dtype="int16")[0] for path in (tmp_path / "out/a.wav", tmp_path / "out2/old.wav")]
    assert np.abs(sounds[0].astype(int) - sounds[1]).max() <= 1


def test_clipping_is_said(tmp_path, encodec_folder, codec, monkeypatch) -> None:
    header = TokenHeader("encodec_24khz", 20_000, 8, codec.info.revision)
    codes = np.random.default_rng(0).integers(0, 1024, (8, header.num_frames)).astype(np.uint16)
    ecdc.write(tmp_path / "in" / "loud.ecdc", TokenFile.of(header, codes))
    over = int((np.abs(np.rint(codec.decode(codes, 20_000) * np.float32(32767))) > 32767).sum())
    summary = decode(tmp_path / "in", tmp_path / "out", codec=str(encodec_folder), options=ONE)
    expected = [("loud.ecdc", f"{over} samples exceeded full scale and were clipped")] if over else []
    assert summary.warnings == expected


def test_damaged_files_fail_and_the_others_are_done(trees, tmp_path, encodec_folder) -> None:
    whole = (trees / "a.ecdc").read_bytes()
    (trees / "cut.ecdc").write_bytes(whole[:-1])
    summary = decode(trees, tmp_path / "out", codec=str(encodec_folder), options=ONE)
    assert (summary.done, summary.exit_code) == (2, 1)
    assert "the file is cut" in str(summary.failures[0][1])


def test_nothing_readable_needs_no_codec(tmp_path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.ecdc").write_bytes(b"ECDC")
    summary = decode(tmp_path / "in", tmp_path / "out", options=ONE)
    assert (summary.done, len(summary.failures), summary.exit_code) == (0, 1, 1)


def test_other_weights_are_refused(trees, tmp_path, encodec_folder) -> None:
    path = trees / "a.ecdc"
    ecdc.write(path, replace(ecdc.read(path), revision="000000000000"))
    with pytest.raises(UsageError, match="tokens of several codecs"):
        decode(trees, tmp_path / "out", codec=str(encodec_folder), options=ONE)
    with pytest.raises(UsageError, match="with weights 000000000000; --codec"):
        decode(path, tmp_path / "out", codec=str(encodec_folder), options=ONE)


def test_info_says_what_the_file_says(trees, codec) -> None:
    text = "\n".join(info(trees / "a.ecdc").lines())
    for part in (
        "ECDC",
        f"encodec_24khz, weights {codec.info.revision}",
        "code MIT",
        "8 codebooks x 63 frames at 75 per second, 6 kbps",
        "0.833 s, 20000 samples at 24000 Hz",
        "sha256 abab",
        "note",
    ):
        assert part in text


def test_info_of_the_older_form_and_of_no_token_file(trees, tmp_path) -> None:
    torch_tokens.write(tmp_path / "old.ecdc", ecdc.read(trees / "a.ecdc"))
    lines = list(info(tmp_path / "old.ecdc").lines())
    assert "torch archive" in lines[1]
    assert "weights not named" in lines[2]
    (tmp_path / "no.ecdc").write_text("no")
    with pytest.raises(BadInput, match="expected"):
        info(tmp_path / "no.ecdc")
