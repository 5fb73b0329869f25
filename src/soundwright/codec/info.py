"""What a token file says about itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soundwright.codec.licences import licence_of
from soundwright.core.errors import show_path
from soundwright.formats.ecdc import TokenHeader
from soundwright.formats.tokens import is_torch_archive, read_token_header


@dataclass(frozen=True)
class TokenInfo:
    """Facts about a token file.

    Attributes:
        path: the file.
        header: what it says.
        num_bytes: its size.
        is_torch_archive: whether it is of the older kind.
    """

    path: Path
    header: TokenHeader
    num_bytes: int
    is_torch_archive: bool

    @property
    def exit_code(self) -> int:
        """0."""
        return 0

    def lines(self) -> Iterator[str]:
        """The facts for a person."""
        header = self.header
        yield show_path(self.path)
        kind = "torch archive (older form; names no codec, EnCodec is assumed)" if self.is_torch_archive else "ECDC"
        yield f"  format     {kind}, {self.num_bytes} bytes"
        yield f"  codec      {header.codec}, weights {header.revision or 'not named'}"
        yield f"  licence    {licence_of(header.codec)}"
        yield (
            f"  codes      {header.num_codebooks} codebooks x {header.num_frames} frames at {header.frame_rate:g} per "
            f"second, {header.bandwidth_kbps:g} kbps"
        )
        yield f"  audio      {header.duration_s:.3f} s, {header.num_samples} samples at {header.sample_rate} Hz"
        yield f"  source     {'sha256 ' + header.source if header.source else 'not named'}"
        for key, value in header.extras.items():
            yield f"  {show_path(key):<10} {show_path(str(value))}"


def info(file: Path) -> TokenInfo:
    """Shows what a token file says about itself: codec, bandwidth, length, source, licence.

    Args:
        file: A token file, EnCodec's format or the older torch archive.

    Raises:
        BadInput: the file is no whole token file.
    """
    return TokenInfo(file, read_token_header(file), file.stat().st_size, is_torch_archive(file))
