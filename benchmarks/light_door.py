"""What the main job costs as a whole process, beside the commit before `pocket` and the mixer computed in NumPy.

    python benchmarks/light_door.py [--work DIR] [--runs 5] [--demo] [--only WORD] [--load 0]

Both sides get a checkout and an environment of their own in DIR, which stay there for the next run: the earlier commit
with what its `make demo` installed, ours with the extras demo and mix. CPU seconds of whole processes, sides in turn,
medians; "one thread" sets OMP_NUM_THREADS=1 and its like for both. --load keeps so many other processes busy all the
while: what spinning threads cost depends on the neighbours. --demo also times a clean `make demo`, installation
included, and compares the environments' sizes. All sound is computed here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile
from paired import about, compare, wall_s
from soundwright.recipes.demo_corpus import write_demo_corpus

BEFORE = "89a05fa"
ROOT = Path(__file__).parent.parent
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
SIDES = ("now", "before")

SPEED = """
import sys, time
import numpy as np
from soundwright.codec import pocket
codec, rng = pocket.load(), np.random.default_rng(0)
t = np.arange(60 * 24000) / 24000
samples = (0.1 * rng.standard_normal(len(t)) * np.abs(np.sin(t)) + 0.2 * np.sin(1500 * t)).astype(np.float32)
codes = codec.encode(samples, 8)
def live():
    encoder, decoder = codec.encoder(8), codec.decoder()
    for start in range(0, 6 * 24000, 320):
        decoder.push(encoder.push(samples[start : start + 320]))
calls = {"encode": lambda: codec.encode(samples, 8), "decode": lambda: codec.decode(codes), "live": live}
for name, call in calls.items():
    call()
    times = []
    for _ in range(3):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    print(name, min(times))
"""


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "soundwright-light-door")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--load", type=int, default=0)
    parser.add_argument("--only", default="", help="rows whose name has this word")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    about("numpy")
    make_corpora(work)
    for side in SIDES:
        prepare(side, work)
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(arguments.load)]
    try:
        measure(arguments, work)
    finally:
        for neighbour in neighbours:
            neighbour.kill()


def measure(arguments: argparse.Namespace, work: Path) -> None:
    """All rows, or those that --only names."""
    if arguments.load:
        print(f"with {arguments.load} other busy processes")
    rows: list[tuple[str, list[str], bool, float]] = [
        ("codec encode, one clip of 2 s", ["codec", "encode", "one", "OUT", "--codec", "pocket"], False, 6),
        ("codec encode, 36 clips of 3 s", ["codec", "encode", "many", "OUT", "--codec", "pocket"], False, 6),
        ("codec encode, 36 clips of 3 s, one thread", ["codec", "encode", "many", "OUT", "--codec", "pocket"], True, 2),
        ("mix fix, four stems of 20 s beside a reference",
         ["mix", "fix", "stems", "--reference", "reference.wav", "--output", "OUT"], False, 3),
    ]  # fmt: skip
    for name, command, one_thread, asked in rows:
        if arguments.only in name:
            whole_process(name, [command], work, arguments.runs, one_thread, asked)
    if arguments.only in "the README's five steps":
        whole_process("the README's five steps", five_steps(), work, arguments.runs, False, 4)
    if arguments.only in "peak memory":
        peak_memory(work)
    if arguments.only in "pocket":
        pocket_speed(work, arguments.runs)
    if arguments.demo:
        clean_demo(work)


def make_corpora(work: Path) -> None:
    """A clip, 36 clips, the demo's recordings, four stems and a good mix of them, in `work`."""
    work.mkdir(parents=True, exist_ok=True)
    write_demo_corpus(work / "recordings")
    rng = np.random.default_rng(0)
    for folder, count, duration_s in (("one", 1, 2), ("many", 36, 3)):
        (work / folder).mkdir(exist_ok=True)
        t = np.arange(duration_s * 24_000) / 24_000
        for i in range(count):
            tone = 0.1 * np.sin(2 * np.pi * (200 + 20 * i) * t) + 0.01 * rng.standard_normal(len(t))
            soundfile.write(work / folder / f"clip_{i:02d}_pitch_{48 + i}.00.wav", tone, 24_000)
    (work / "stems").mkdir(exist_ok=True)
    t = np.arange(20 * 44_100) / 44_100
    beats = np.exp(-8 * (t % 0.5))
    stems = {
        "drums": 0.3 * beats * rng.standard_normal(len(t)),
        "bass": 0.2 * np.sign(np.sin(2 * np.pi * 55 * t)) * np.exp(-2 * (t % 1)),
        "vocals": 0.15 * sum(np.sin(2 * np.pi * 220 * k * t) / k for k in range(1, 8)) * (1 + np.sin(3 * t)) / 2,
        "other": 0.1 * sum(np.sin(2 * np.pi * f * t) for f in (262, 330, 392)),
    }
    soundfile.write(work / "reference.wav", np.stack([sum(stems.values())] * 2, axis=1), 44_100)
    for name, sound in stems.items():
        loud = sound * (2.5 if name == "drums" else 1)
        soundfile.write(work / "stems" / f"{name}.wav", np.stack([loud] * 2, axis=1), 44_100, subtype="FLOAT")


def prepare(side: str, work: Path) -> None:
    """A checkout and an environment of a side, where they are not there already; ours is this checkout."""
    environment = work / f"{side}-env"
    if side == "before":
        checkout = work / "before"
        if not checkout.is_dir():
            checkout.mkdir()
            archive = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, check=True, capture_output=True).stdout
            subprocess.run(["tar", "-x", "-C", checkout], input=archive, check=True)
        wanted = f"{checkout}[torch,pack,lossless,music,mix,viz]"
    else:
        checkout, wanted = ROOT, f"{ROOT}[demo,mix]"
    if not (environment / "installed").exists():
        print(f"installing {side} into {environment}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", checkout / "constraints.txt", "-e", wanted], check=True, env=clean_environment())
        (environment / "installed").touch()


def clean_environment(*, one_thread: bool = False) -> dict[str, str]:
    """This process's environment, with what it says about threads and bytecode taken out or set."""
    left_out = (*THREADS, "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    return environment | (dict.fromkeys(THREADS, "1") if one_thread else {})


def command_of(side: str, work: Path, arguments: Sequence[str], out: Path) -> list[str]:
    """A command line of soundwright on one side."""
    given = [argument.replace("OUT", str(out)) for argument in arguments]
    return [str(work / f"{side}-env" / "bin" / "soundwright"), *given]


def whole_process(name: str, commands: list[list[str]], work: Path, runs: int, one_thread: bool, asked: float) -> None:
    """Times command lines, one after the other, on both sides in turn."""

    def run(side: str) -> Callable[[], None]:
        def call() -> None:
            out = work / f"out-{side}"
            shutil.rmtree(out, ignore_errors=True)
            for command in commands:
                subprocess.run(
                    command_of(side, work, command, out),
                    cwd=work,
                    check=True,
                    capture_output=True,
                    env=clean_environment(one_thread=one_thread),
                )

        return call

    compare(name, {side: run(side) for side in SIDES}, at_least={"before": asked}, runs=runs)


def five_steps() -> list[list[str]]:
    """The README's command lines, from `corpus normalize` to `dataset info`, on the demo's recordings."""
    roots = ["--audio-root", "OUT/tokens", "--cond-root", "OUT/conditions"]
    return [
        ["corpus", "normalize", "recordings", "OUT/normalized"],
        ["codec", "encode", "OUT/normalized", "OUT/tokens", "--codec", "pocket", "--verify"],
        ["codec", "info", "OUT/tokens/organ/organ_pitch_64.00_bright_.75.ecdc"],
        ["codec", "decode", "OUT/tokens", "OUT/decoded"],
        ["sidecar", "init", *roots],
        ["sidecar", "add", *roots, "--producer", "from_filename", "--producer", "from_audio"],
        ["sidecar", "audit", *roots, "--verify-ranges", "--html", "OUT/audit.html"],
        ["dataset", "build", "OUT/tokens", "OUT/dataset", "--verify"],
        ["dataset", "info", "OUT/dataset"],
    ]  # fmt: skip


def peak_memory(work: Path) -> None:
    """The most memory that `codec encode` of the 36 clips held."""
    # Linux counts what the parent held at the moment of the fork as the child's, so a small process is the parent.
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    peaks = {}
    for side in SIDES:
        out = work / f"out-{side}"
        shutil.rmtree(out, ignore_errors=True)
        command = command_of(side, work, ["codec", "encode", "many", "OUT", "--codec", "pocket"], out)
        done = subprocess.run(
            [sys.executable, "-S", "-c", program, *command],
            cwd=work, env=clean_environment(), check=True, capture_output=True, text=True,
        )  # fmt: skip
        peaks[side] = int(done.stdout) / 1024
    now, before = peaks["now"], peaks["before"]
    print(f"\npeak memory of codec encode: {now:.0f} MB, before {before:.0f} MB: {before / now:.2f}x (asked: 3x)")


def pocket_speed(work: Path, runs: int) -> None:
    """`pocket` itself, in processes of each side in turn: CPU seconds of the best of three, median over processes."""
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(runs):
        for side in SIDES:
            python = work / f"{side}-env" / "bin" / "python"
            done = subprocess.run(
                [python, "-c", SPEED],
                check=True,
                capture_output=True,
                text=True,
                env=clean_environment(one_thread=True),
            )
            for line in done.stdout.splitlines():
                name, seconds = line.split()
                times.setdefault((name, side), []).append(float(seconds))
    print("\npocket, one thread, times real time")
    for name, duration_s, asked in (("encode", 60, 1.25), ("decode", 60, 1.25), ("live", 6, 8 / 3.6)):
        now, before = (float(np.median(times[name, side])) for side in SIDES)
        speeds = f"{duration_s / now:7.1f}   before {duration_s / before:7.1f}"
        print(f"  {name:<8} {speeds}   {before / now:5.2f}x (asked: {asked:.2f}x)")


def clean_demo(work: Path) -> None:
    """A clean clone, `make demo`, wall seconds and the size of its environment; once a side."""
    found = {}
    for side in ("before", "now"):
        place = Path(tempfile.mkdtemp(dir=work))
        subprocess.run(["git", "clone", "--quiet", ROOT, place / "clone"], check=True)
        if side == "before":
            subprocess.run(["git", "checkout", "--quiet", BEFORE], cwd=place / "clone", check=True)
        began = wall_s()
        subprocess.run(["make", "demo"], cwd=place / "clone", check=True, capture_output=True, env=clean_environment())
        size = subprocess.run(["du", "-sm", place / "clone" / ".venv"], check=True, capture_output=True, text=True)
        found[side] = wall_s() - began, int(size.stdout.split()[0])
        shutil.rmtree(place)
        time.sleep(1)
    (now_s, now_mb), (before_s, before_mb) = found["now"], found["before"]
    print(f"\nclean make demo: {now_s:.0f} s, before {before_s:.0f} s: {now_s / before_s:.2f} of it (asked: 0.4)")
    print(f"its environment: {now_mb} MB, before {before_mb} MB (asked: 580 or less)")


if __name__ == "__main__":
    main()
