"""The lossless codec against FLAC and WavPack on the files of a folder; every archive is decoded and compared.

`python benchmarks/lossless_corpus.py FOLDER`, then `python benchmarks/lossless.py FOLDER/report`. Classes are the
folders inside. Sizes are whole files. Without a folder, or where `flac` is missing, it says so and ends well, so that
`make bench` runs anywhere. `--files 2 --seconds 3` is a quick look.
"""

from __future__ import annotations

import paired
import argparse
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from soundwright.lossless.coding import encode_block
from soundwright.lossless.container import plan_archive, write_archive
from soundwright.lossless.container_read import restore_file
from soundwright.lossless.pcm_source import open_source

# Percent smaller than flac -8 on the mean of a class: at least, aim.
ASKED = {"music": (8.0, 11.0), "speech16k": (8.0, 12.0), "eight_bit": (24.0, 35.0)}


@dataclass(frozen=True)
class Result:
    """One file: sizes in bytes by codec, lengths and CPU seconds."""

    path: Path
    raw: int
    sizes: dict[str, int]
    duration_s: float
    encode_s: float
    decode_s: float

    @property
    def margin(self) -> float:
        """Percent smaller than flac -8."""
        return 100 * (1 - self.sizes["ours"] / self.sizes["flac -8"])


def our_size_and_check(path: Path, scratch: Path) -> tuple[int, float, float]:
    """Bytes of the archive, CPU seconds to compress (each block is decoded to see that it can be) and to decompress.

    Ends the benchmark when the file does not come back byte for byte.
    """
    archive, back = scratch / "packed.swz", scratch / "back.wav"
    began = paired.cpu_s()
    write_archive(plan_archive(open_source(path)), archive)
    encoded = paired.cpu_s()
    restore_file(archive, back)
    decoded = paired.cpu_s()
    if back.read_bytes() != path.read_bytes():
        raise SystemExit(f"{path}: the file did not come back")
    return archive.stat().st_size, encoded - began, decoded - encoded


def their_size_and_check(command: list[str], path: Path, scratch: Path) -> int:
    """Bytes of what `flac` or `wavpack` makes, decoded by itself and compared."""
    packed, back = scratch / f"packed{'.flac' if command[0] == 'flac' else '.wv'}", scratch / "back.wav"
    for file in (packed, back):
        file.unlink(missing_ok=True)
    if command[0] == "flac":
        steps = [
            [*command, "-s", "-f", str(path), "-o", str(packed)],
            ["flac", "-s", "-d", str(packed), "-o", str(back)],
        ]
    else:
        steps = [[*command, "-q", "-y", str(path), "-o", str(packed)], ["wvunpack", "-q", str(packed), "-o", str(back)]]
    for step in steps:
        subprocess.run(step, check=True, capture_output=True)
    same = np.array_equal(soundfile.read(path, dtype="int32")[0], soundfile.read(back, dtype="int32")[0])
    if not same:
        raise SystemExit(f"{path}: the samples did not come back from {command[0]}")
    return packed.stat().st_size


def measure(path: Path, seconds: float, codecs: dict[str, list[str]], scratch: Path) -> Result:
    info = soundfile.info(path)
    file = path
    if seconds and info.duration > seconds:
        file = scratch / "cut.wav"
        samples, rate = soundfile.read(path, dtype="int32", frames=int(seconds * info.samplerate))
        soundfile.write(file, samples, rate, subtype=info.subtype)
    size, encode_s, decode_s = our_size_and_check(file, scratch)
    sizes = {"ours": size} | {name: their_size_and_check(command, file, scratch) for name, command in codecs.items()}
    return Result(path, file.stat().st_size, sizes, soundfile.info(file).duration, encode_s, decode_s)


def show(results: dict[str, list[Result]], names: list[str]) -> None:
    print(f"\n{'percent of the file size':<42}" + "".join(f"{name:>15}" for name in names) + f"{'against flac -8':>18}")
    for kind, of_kind in results.items():
        print(kind)
        for result in of_kind:
            shares = "".join(f"{100 * result.sizes[name] / result.raw:15.2f}" for name in names)
            print(f"  {result.path.stem:<40}{shares}{-result.margin:+17.2f}%")
    print()
    for kind, of_kind in results.items():
        mean = statistics.fmean(result.margin for result in of_kind)
        least, aim = ASKED.get(kind, (0.0, 0.0))
        verdict = "NOT met" if mean < least else ("met" if mean < aim else "met, and the aim")
        print(f"{kind}: {mean:.2f} % smaller than flac -8 on the mean of {len(of_kind)} files")
        print(f"  asked: {least:g}, aim {aim:g}: {verdict}")
        total_s = sum(result.duration_s for result in of_kind)
        encode, decode = (total_s / sum(getattr(r, name) for r in of_kind) for name in ("encode_s", "decode_s"))
        print(f"  times real time, one core: encode {encode:.2f}, decode {decode:.2f}")
    everything = [result for of_kind in results.values() for result in of_kind]
    larger = [r.path.name for r in everything if r.margin < 0 or r.sizes["ours"] > r.raw + 64]
    print(f"larger than flac -8, or than the file plus 64 bytes: {', '.join(larger) or 'none'}")
    weakest = sorted(everything, key=lambda result: result.margin)[:3]
    print("weakest: " + ", ".join(f"{r.path.parent.name}/{r.path.name} ({r.margin:.2f} %)" for r in weakest))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, nargs="?")
    arguments.add_argument("--files", type=int, default=0, help="of each class; 0 takes all")
    arguments.add_argument("--seconds", type=float, default=0.0, help="of each file; 0 takes all")
    options = arguments.parse_args()
    if options.folder is None or not shutil.which("flac"):
        print("needs `flac` and a folder of classes: see benchmarks/lossless_corpus.py")
        return
    # FLAC reserves 8 KiB for tags by default, a tenth of a short file: not counted.
    codecs = {name: [*name.split(), "--no-padding"] for name in ("flac -8", "flac -5")}
    if shutil.which("wavpack"):
        codecs["wavpack -hhx"] = ["wavpack", "-hhx"]
    encode_block(np.arange(64, dtype=np.int32)[None] % 7, 16)  # compiles
    paired.about("numba", "numpy")
    results: dict[str, list[Result]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for kind in sorted(path for path in options.folder.iterdir() if path.is_dir()):
            paths = sorted(kind.glob("*.wav"))[: options.files or None]
            results[kind.name] = [measure(path, options.seconds, codecs, Path(scratch)) for path in paths]
    show(results, ["ours", *codecs])


if __name__ == "__main__":
    main()
