"""The older token files, and telling the two kinds apart."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundwright.core.errors import BadInput
from soundwright.formats import ecdc, torch_tokens
from soundwright.formats.ecdc import TokenFile, TokenHeader
from soundwright.formats.tokens import read_token_header, read_tokens


def sample_tokens() -> TokenFile:
    header = TokenHeader("encodec_24khz", 3217, 4, "0a1b2c3d4e5f", "ab" * 32)
    codes = np.random.default_rng(0).integers(0, 1024, (4, header.num_frames)).astype(np.uint16)
    return TokenFile.of(header, codes)


def old_file(path: Path, **changes: object) -> Path:
    tokens = sample_tokens()
    content = {
        "audio_codes": torch.from_numpy(tokens.codes.astype(np.int64))[None, None],
        "audio_scales": [None],
        "audio_length": 3217,
    }
    torch.save({key: value for key, value in {**content, **changes}.items() if value != "absent"}, path)
    return path


def test_an_old_file_reads(tmp_path: Path) -> None:
    tokens = read_tokens(old_file(tmp_path / "a.ecdc"))
    assert tokens.header == TokenHeader("encodec_24khz", 3217, 4)
    assert np.array_equal(tokens.codes, sample_tokens().codes)
    assert read_token_header(tmp_path / "a.ecdc") == tokens.header


@pytest.mark.parametrize("leading", [(), (1,), (1, 1)])
def test_leading_ones_may_be_missing(tmp_path: Path, leading: tuple[int, ...]) -> None:
    codes = torch.from_numpy(sample_tokens().codes.astype(np.int64)).reshape(*leading, 4, -1)
    assert np.array_equal(read_tokens(old_file(tmp_path / "a", audio_codes=codes)).codes, sample_tokens().codes)


def test_export_is_what_old_programs_load(tmp_path: Path) -> None:
    torch_tokens.write(tmp_path / "b.ecdc", sample_tokens())
    content = torch.load(tmp_path / "b.ecdc", weights_only=True)
    assert content.keys() == {"audio_codes", "audio_scales", "audio_length"}
    assert content["audio_codes"].shape == (1, 1, 4, 11)
    assert content["audio_codes"].dtype == torch.int64
    assert (content["audio_scales"], content["audio_length"]) == ([None], 3217)
    assert np.array_equal(read_tokens(tmp_path / "b.ecdc").codes, sample_tokens().codes)


def test_the_bit_stream_reads_by_the_same_call(tmp_path: Path) -> None:
    ecdc.write(tmp_path / "c.ecdc", sample_tokens())
    assert read_token_header(tmp_path / "c.ecdc") == sample_tokens().header
    assert np.array_equal(read_tokens(tmp_path / "c.ecdc").codes, sample_tokens().codes)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"audio_codes": "absent"}, "audio_length"),
        ({"audio_length": "absent"}, "audio_codes"),
        ({"audio_length": 3217.0}, "3217.0"),
        ({"audio_length": -1}, "-1"),
        ({"audio_length": 99}, "11 frames for 99 samples, which are 1"),
        ({"audio_scales": [torch.ones(1, 1)]}, "48 kHz"),
        ({"audio_codes": [[1, 2]]}, "list"),
        ({"audio_codes": torch.zeros(1, 1, 4, 11)}, "float32"),
        ({"audio_codes": torch.zeros(2, 1, 4, 11, dtype=torch.int64)}, r"\[2, 1, 4, 11\]"),
        ({"audio_codes": torch.zeros(1, 1, 999, 11, dtype=torch.int64)}, "999"),
        ({"audio_codes": torch.full((1, 1, 4, 11), 1024)}, "1024"),
        ({"audio_codes": torch.full((1, 1, 4, 11), -1)}, "-1"),
        ({"audio_codes": torch.zeros(1, dtype=torch.int64).expand(1, 1, 4, 11)}, "repeat their memory"),
    ],
)
def test_other_content_is_refused_by_name(tmp_path: Path, changes: dict[str, object], found: str) -> None:
    with pytest.raises(BadInput, match=found) as caught:
        read_tokens(old_file(tmp_path / "bad.ecdc", **changes))
    assert str(caught.value).startswith(str(tmp_path / "bad.ecdc"))


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("/tmp/soundwright-was-executed"),)


def test_nothing_is_executed(tmp_path: Path) -> None:
    torch.save({"audio_codes": Evil(), "audio_length": 1}, tmp_path / "evil.ecdc")
    with pytest.raises(BadInput, match="UnpicklingError"):
        read_tokens(tmp_path / "evil.ecdc")
    assert not Path("/tmp/soundwright-was-executed").exists()


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.ecdc", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}) + b"\0" * 100_000)
    with pytest.raises(BadInput, match="compressed"):
        read_tokens(tmp_path / "bomb.ecdc")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_refused_or_harmless(data: st.DataObject, tmp_path: Path) -> None:
    path, whole = tmp_path / "a.ecdc", tmp_path / "whole"
    if not whole.exists():
        old_file(whole)
    damaged = bytearray(whole.read_bytes())
    for position in data.draw(st.lists(st.integers(4, len(damaged) - 1), max_size=4)):
        damaged[position] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(4, len(damaged)))])
    try:
        tokens = read_tokens(path)
    except BadInput:
        return
    assert tokens.codes.shape == (tokens.num_codebooks, tokens.num_frames)


def test_neither_kind_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.ecdc").write_bytes(b"RIFFxxxxWAVE")
    for path, found in ((tmp_path / "x.ecdc", "starts with ECDC"), (tmp_path / "no.ecdc", "cannot be read")):
        with pytest.raises(BadInput, match=found):
            read_tokens(path)
        with pytest.raises(BadInput, match=found):
            read_token_header(path)
