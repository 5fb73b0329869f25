"""What an archive says about itself, for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soundwright.core.errors import UsageError, show_path
from soundwright.formats.swz import Footer, Kind, Method
from soundwright.formats.swz_read import read_footer
from soundwright.lossless.blocks import CODEC_NAMES

_METHODS = {Method.RAW: "raw", Method.CODEC: "coded", Method.DEFLATE: "deflated", Method.PLANES: "deflated in planes"}


@dataclass(frozen=True)
class ArchiveInfo:
    """Facts about an archive.

    Attributes:
        path: the archive.
        footer: what it says.
        num_bytes: its size.
    """

    path: Path
    footer: Footer
    num_bytes: int

    @property
    def exit_code(self) -> int:
        """0."""
        return 0

    @property
    def duration_s(self) -> float | None:
        """Length of the sound in seconds, if it is sound of a known rate."""
        layout = self.footer.sound.layout if self.footer.sound else None
        return layout.num_samples / layout.sample_rate if layout and layout.sample_rate else None

    def lines(self) -> Iterator[str]:
        """The facts for a person."""
        footer = self.footer
        yield show_path(self.path)
        yield f"  original   {footer.length:,} bytes, {_name(self.path, footer)}"
        if footer.from_flac:
            yield "  source     a FLAC file; its WAV form is what comes back"
        yield f"  archive    {self.num_bytes:,} bytes, {_share(self.num_bytes, footer.length)}"
        yield from self._sound()
        yield from self._blocks()
        yield f"  sha256     {footer.sha256.hex()} of the original"

    def _sound(self) -> Iterator[str]:
        sound = self.footer.sound
        if sound is None:
            yield "  sound      none known: a file kept as it is"
            return
        layout, duration_s = sound.layout, self.duration_s
        length = f"{duration_s:.3f} s, " if duration_s is not None else ""
        yield (
            f"  sound      {length}{layout.num_samples:,} samples at {layout.sample_rate} Hz, "
            f"{layout.channels} channels, {layout.encoding.name}"
        )
        if duration_s:
            before, after = (8 * size / duration_s / 1000 for size in (self.footer.length, self.num_bytes))
            yield f"  rate       {after:.1f} kbit/s, from {before:.1f}"
        model = f", model sha256 {sound.model_digest.hex()}" if sound.model_digest else ""
        name = CODEC_NAMES.get(sound.codec, f"number {sound.codec}" if sound.codec else "none")
        yield f"  codec      {name}" + (f", revision {sound.revision}{model}" if sound.codec else "")

    def _blocks(self) -> Iterator[str]:
        footer = self.footer
        if footer.kind is Kind.STORED:
            yield "  blocks     none: stored as it is, since nothing makes it smaller"
            return
        counts = Counter(_METHODS[block.method] for block in footer.blocks)
        text = ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
        if footer.sound is not None and footer.sound.layout.sample_rate:
            text += f"; {footer.sound.block_samples / footer.sound.layout.sample_rate:.3g} s of sound in each"
        yield f"  blocks     {text}"
        if footer.sound is not None and footer.sound.num_failed:
            yield f"  failed     {footer.sound.num_failed} blocks that the codec did not give back, stored raw"


def archive_info(path: Path) -> ArchiveInfo:
    """Reads what an archive says about itself.

    Raises:
        UsageError: it is a folder, or missing.
        BadInput: it is no whole archive.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"expected an archive; it {what}", path=path, remedy="give one .swz file")
    return ArchiveInfo(path, read_footer(path), path.stat().st_size)


def _name(path: Path, footer: Footer) -> str:
    return f"comes back as {show_path(path.stem + footer.suffix)}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} % of the original" if whole else "of an empty file"
