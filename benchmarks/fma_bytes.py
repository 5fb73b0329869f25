"""Claim: 4 tracks out of an archive of 300 MB cost less than 3 percent of its bytes.

    python benchmarks/fma_bytes.py

The archive is laid out as those of the FMA dataset and served by a local server that counts what it sends; the tracks
are as large as the 30 s clips of `fma_small` (0.9 MB). Bytes are counted on both sides.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import paired  # first: it sets one thread

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "corpus"))

from fma_archive import make_archive, make_metadata, music, padded
from fma_server import serving

from soundwright.corpus.fma.verb import fma

TRACKS = range(2, 335)
WANTED = 4
ASKED = 0.03


def main() -> None:
    paired.about("soundfile")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        tune = music(1, 12.0)
        # Stored, since what does not compress is no smaller by bzip2, and 300 MB of it take half a minute.
        contents = {track: padded(tune, 900_000 - len(tune), track) for track in TRACKS}
        make_archive(root / "fma_small.zip", contents, compression=zipfile.ZIP_STORED)
        make_metadata(root / "fma_metadata.zip", TRACKS)
        size = (root / "fma_small.zip").stat().st_size
        with serving(root) as server:
            source = f"{server.url}/fma_small.zip"
            summary = fma(root / "out", source=source, tracks=WANTED, workers=1)
            sent, num_requests = server.bytes_sent, len(server.log)
            fma(root / "out", source=source, tracks=WANTED, workers=1)
            again = len(server.log) - num_requests
        needed = sum(path.stat().st_size for path in (root / "out").glob("*.mp3"))
    share = sent / size
    print(f"\n{summary.done} tracks out of an archive of {size / 1e6:.1f} MB")
    print(f"  fetched   {sent:>12,} bytes in {num_requests} requests (the verb says {summary.bytes_fetched:,})")
    print(f"  the tracks themselves {needed:,} bytes: {100 * (sent / needed - 1):.1f} percent on top")
    print(
        f"  {100 * share:.2f} percent of the archive  (asked: {100 * ASKED:g}, {'met' if share < ASKED else 'NOT met'})"
    )
    print(f"  the same command again: {again} requests")


if __name__ == "__main__":
    main()
