"""Quality of `pocket` against Opus at 6, 8 and 12 kbps on held-out rendered music and single notes; the gates.

    python benchmarks/codec_quality.py [--codec pocket|FOLDER] [--skip-opus] [--notes]

Renders what it listens to (FluidSynth with FluidR3 GM, espeak-ng): other seeds, instruments and voices than training.
Opus needs opusenc and opusdec. The last lines say PASS or FAIL; exit code 1 if any fails.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.files import read_audio, write_wav
from soundwright.audio.quality import cents, harmonic_to_rest_db, mel_distance_db, note_pitch_hz, si_sdr_db
from soundwright.codec.registry import load_codec
from soundwright.recipes.pocket_corpus import NOTE_INSTRUMENTS, SAMPLE_RATE, held_out_music, held_out_notes

Samples = NDArray[np.float32]
#: The held part of a single note, which begins at 0.1 s and is held for 1.6 s.
HELD = slice(round(0.35 * SAMPLE_RATE), round(1.6 * SAMPLE_RATE))
OPUS = {
    "Opus 6, 60 ms": ["--bitrate", "6", "--framesize", "60"],
    "Opus 8, 60 ms": ["--bitrate", "8", "--framesize", "60"],
    "Opus 12, hard CBR": ["--bitrate", "12", "--hard-cbr"],
}


@dataclass
class Row:
    """What one way of coding did to the held-out sounds.

    Attributes:
        name: of the row.
        kbps: measured by file size, or nominal for tokens.
        mel_db, si_sdr_db: one number per clip, by kind of clip.
        cents: absolute pitch error of each single note, by instrument.
        fall_db: by how much harmonic-to-rest fell, per note, by instrument.
    """

    name: str
    kbps: float = 0.0
    mel_db: dict[str, list[float]] = field(default_factory=dict)
    si_sdr_db: dict[str, list[float]] = field(default_factory=dict)
    cents: dict[str, list[float]] = field(default_factory=dict)
    fall_db: dict[str, list[float]] = field(default_factory=dict)

    @property
    def bad_notes(self) -> int:
        """Notes more than 50 cents off."""
        return sum(c > 50 for values in self.cents.values() for c in values)


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--codec", default="pocket", help="a codec's name or folder")
    parser.add_argument("--skip-opus", action="store_true")
    parser.add_argument("--notes", action="store_true", help="also each single note")
    arguments = parser.parse_args()
    music, notes = held_out_music(), held_out_notes()

    codec = load_codec(arguments.codec, device="cpu")
    rows = []
    if not arguments.skip_opus:
        rows += [judge(name, opus(options), music, notes) for name, options in OPUS.items()]
    for num_codebooks in (8, 4, 2):
        row = judge(
            f"{codec.info.name} {codec.info.revision}, {num_codebooks} codebooks",
            lambda x, k=num_codebooks: (codec.decode(codec.encode(x, k), len(x)), 0),  # type: ignore[misc]
            music,
            notes,
        )
        row.kbps = num_codebooks * codec.info.frame_rate * codec.info.bits_per_code / 1000
        rows.append(row)
    rows.append(judge("the input itself", lambda x: (x, 0), music, notes))
    print_table(rows)
    if arguments.notes:
        print_notes(next(row for row in rows if "8 codebooks" in row.name))
    opus_6 = next((row for row in rows if row.name.startswith("Opus 6")), None)
    return print_gates(next(row for row in rows if "8 codebooks" in row.name), opus_6)


def judge(
    name: str,
    code: Callable[[Samples], tuple[Samples, int]],
    music: dict[str, Samples],
    notes: dict[tuple[str, int], Samples],
) -> Row:
    """Codes every sound and compares; `code` gives the decoded sound and the number of bytes in between."""
    row, num_bytes, duration_s = Row(name), 0, 0.0
    for clip, samples in music.items():
        decoded, size = code(samples)
        kind = clip.split("-")[0]
        row.mel_db.setdefault(kind, []).append(mel_distance_db(samples, decoded, SAMPLE_RATE))
        row.si_sdr_db.setdefault(kind, []).append(si_sdr_db(samples, decoded))
        num_bytes += size
        duration_s += len(samples) / SAMPLE_RATE
    for (instrument, _), samples in notes.items():
        decoded = code(samples)[0][HELD]
        # a pitch tracker may take a low piano note for its octave: what counts is how the reading changes
        f0_hz = note_pitch_hz(samples[HELD], SAMPLE_RATE)
        change = abs(cents(note_pitch_hz(decoded, SAMPLE_RATE), f0_hz))
        before = harmonic_to_rest_db(samples[HELD], SAMPLE_RATE, f0_hz)
        row.cents.setdefault(instrument, []).append(change)
        row.fall_db.setdefault(instrument, []).append(before - harmonic_to_rest_db(decoded, SAMPLE_RATE, f0_hz))
    row.kbps = num_bytes * 8 / duration_s / 1000
    return row


def opus(options: list[str]) -> Callable[[Samples], tuple[Samples, int]]:
    """Opus through its command-line programs; the size is that of the Ogg file."""

    def code(samples: Samples) -> tuple[Samples, int]:
        with tempfile.TemporaryDirectory() as folder:
            wav, packed, back = (Path(folder, name) for name in ("a.wav", "a.opus", "b.wav"))
            write_wav(wav, samples, SAMPLE_RATE)
            subprocess.run(["opusenc", "--quiet", *options, str(wav), str(packed)], check=True)
            subprocess.run(["opusdec", "--quiet", "--rate", str(SAMPLE_RATE), str(packed), str(back)], check=True)
            decoded = read_audio(back, mono=True)[: len(samples)]
            return np.pad(decoded, (0, len(samples) - len(decoded))), packed.stat().st_size

    return code


def over_all(values: dict[str, list[float]], statistic: Callable[[list[float]], np.floating]) -> float:
    """A statistic over the values of all kinds."""
    return float(statistic([v for part in values.values() for v in part]))


def print_table(rows: list[Row]) -> None:
    """One row each, as Markdown."""
    names = list(NOTE_INSTRUMENTS)
    kinds = list(rows[0].mel_db)
    print(
        f"| row | kbps | mel dB | SI-SDR dB | SI-SDR by kind ({'/'.join(kinds)}) | median cents | "
        f"median cents {'/'.join(names)} | bad notes | fall of H/R dB, median {'/'.join(names)} |"
    )
    print("|---" * 9 + "|")
    for row in rows:
        exact = over_all(row.mel_db, np.mean) == 0
        kbps = f"{row.kbps:.1f}" if row.kbps else "-"
        sdr = "-" if exact else f"{over_all(row.si_sdr_db, np.mean):.1f}"
        by_kind = "-" if exact else "/".join(f"{np.mean(row.si_sdr_db[kind]):.1f}" for kind in kinds)
        pitch = "/".join(f"{np.median(row.cents[name]):.1f}" for name in names)
        falls = "/".join(f"{np.median(row.fall_db[name]):.1f}" for name in names)
        print(
            f"| {row.name} | {kbps} | {over_all(row.mel_db, np.mean):.2f} | {sdr} | {by_kind} | "
            f"{over_all(row.cents, np.median):.1f} | {pitch} | {row.bad_notes}/48 | {falls} |"
        )


def print_notes(row: Row) -> None:
    """Each single note of a row, from the lowest to the highest."""
    for name in NOTE_INSTRUMENTS:
        print(f"{name:9s} cents {[round(c, 1) for c in row.cents[name]]}")
        print(f"{'':9s} fall of H/R dB {[round(f) for f in row.fall_db[name]]}")


def print_gates(row: Row, opus_6: Row | None) -> int:
    """The gates of the codec's definition; 1 if any fails."""
    median_falls = {name: float(np.median(values)) for name, values in row.fall_db.items()}
    gates = {
        f"at most 4 of 48 notes more than 50 cents off: {row.bad_notes}": row.bad_notes <= 4,
        f"median pitch error below 10 cents: {over_all(row.cents, np.median):.1f}": over_all(row.cents, np.median) < 10,
        f"SI-SDR above 3 dB: {over_all(row.si_sdr_db, np.mean):.2f}": over_all(row.si_sdr_db, np.mean) > 3,
    } | {
        f"harmonic-to-rest within 10 dB of the recording, median of {name}: {fall:.1f}": fall <= 10
        for name, fall in median_falls.items()
    }
    if opus_6 is not None:
        mel, limit = over_all(row.mel_db, np.mean), over_all(opus_6.mel_db, np.mean)
        gates[f"mel distance below Opus at 6 kbps: {mel:.2f} against {limit:.2f}"] = mel < limit
    print(f"\n{row.name}:")
    for told, passed in gates.items():
        print(f"{'PASS' if passed else 'FAIL'}  {told}")
    return 0 if all(gates.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
