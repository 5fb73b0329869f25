"""Both notebooks with the real AudioCraft and the real dora, on a CPU, in tiny settings: `make audiocraft-real`.

    python tests/notebooks/audiocraft_real.py WORK [--clone PATH] [--smallest]

AudioCraft's source archive (1.3.0) holds the whole checkout with its configuration; it is fetched by pip, unpacked,
put under git, and cloned by the notebook from there. `--clone` takes another checkout instead. FMA is a local server
with an archive of the same shape. What is proven is printed line by line; the first point that does not hold ends the
run.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "corpus"))

from fma_archive import bad_tracks, make_archive, make_metadata, music
from fma_server import FolderServer, serving
from notebook_runs import SETUP, TRAIN, execute, pictures

AUDIOCRAFT = "audiocraft==1.3.0"
TRACKS, BAD, SECONDS = 8, 2, 2.6

#: AudioCraft's own trick for a quick test, and one process: 10 s instead of minutes.
TINY = (
    "rvq.n_q=2 rvq.bins=48 num_threads=1 evaluate.num_workers=0 dataset.evaluate.batch_size=2 "
    "dataset.generate.num_samples=1 dataset.generate.segment_duration=1"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for everything; a second call goes on with what is there")
    parser.add_argument("--clone", type=Path, help="another checkout of AudioCraft")
    parser.add_argument("--smallest", action="store_true", help="without the kill, the resume and the re-run cell")
    arguments = parser.parse_args()
    Proof(arguments.work.resolve(), arguments.clone, arguments.smallest).run()


class Proof:
    """The run, and what is asked of it."""

    def __init__(self, work: Path, clone: Path | None, smallest: bool) -> None:
        self.work, self.smallest = work, smallest
        work.mkdir(parents=True, exist_ok=True)
        self.began = time.monotonic()
        self.base = work / ("workspace" if clone is None else f"workspace-{clone.resolve().name}")
        self.origin = checkout(work) if clone is None else under_git(clone.resolve(), work)
        self.data, self.experiments = self.base / "data/fma_small_mini", self.base / "experiments/audiocraft"
        # As in a container: a variable that AudioCraft needs and that is often not there.
        self.environment = {key: value for key, value in os.environ.items() if key != "USER"}
        self.common: dict[str, Any] = {
            "DATA_DIR": str(self.data),
            "AUDIOCRAFT_REPO_DIR": str(self.base / "audiocraft"),
            "EXPERIMENTS_DIR": str(self.experiments),
            "AUDIOCRAFT_VENV": str(self.base / "audiocraft-venv"),
            "SEGMENT_SECONDS": 1,
            "REQUIRE_CUDA": False,
        }

    def run(self) -> None:
        web = self.work / "web"
        if not (web / "fma_metadata.zip").exists():
            web.mkdir(parents=True, exist_ok=True)
            sound = {track: music(track, SECONDS) for track in range(2, 2 + TRACKS)}
            contents = sound | dict(enumerate(list(bad_tracks(SECONDS).values())[:BAD], 2 + TRACKS))
            make_archive(web / "fma_small.zip", contents)
            make_metadata(web / "fma_metadata.zip", contents)
        with self.fma(web) as server:
            printed = self.setup("01", f"{server.url}/fma_small.zip")
            self.holds("audiocraft OK" in printed, "Notebook A: the real AudioCraft was imported from its checkout")
            self.holds("ready to train" in printed, "Notebook A ran to its ready-to-train summary")
            self.holds(pictures(self.executed("01")) == 3, "Notebook A shows three spectrograms")
            before, asked = self.files(), len(server.log)
            self.setup("01-again", f"{server.url}/fma_small.zip")
            self.holds(self.files() == before, f"Notebook A again: none of {len(before)} files was made anew")
            self.holds(len(server.log) == asked, "Notebook A again: nothing was fetched")
        self.training()
        if not self.smallest:
            self.kill_and_resume()
        print(f"all of it holds, {time.monotonic() - self.began:.0f} s -> {self.work}", flush=True)

    def training(self) -> None:
        printed = self.train("02")
        self.holds("NOT so" not in printed, "Notebook B ran, and its proof holds")
        self.holds(pictures(self.executed("02")) == 1, "Notebook B shows the losses")
        folder = Path(json.loads((self.experiments / "last_run.json").read_text())["folder"])
        where = folder.relative_to(self.experiments)
        self.holds(where.parent == Path("xps"), f"the experiment is {where} in the folder of experiments")
        log = (self.experiments / f".soundwright/audiocraft/{folder.name}.log").read_text(errors="replace")
        for fault in ("MissingConfigException", "AudioMeta.__init__", "Traceback"):
            self.holds(fault not in log, f"no {fault}")
        weights = (folder / "checkpoint.th").stat().st_mtime_ns
        printed = self.train("02-again")
        self.holds("the experiment was finished" in printed, "Notebook B again: the finished experiment is shown")
        self.holds((folder / "checkpoint.th").stat().st_mtime_ns == weights, "Notebook B again: nothing was trained")

    def kill_and_resume(self) -> None:
        self.train("02-rerun", RERUN=True)
        self.holds(len(list((self.experiments / "xps").iterdir())) >= 2, "the re-run cell trained another experiment")
        command = [sys.executable, "-m", "soundwright", "audiocraft"]
        # The document's 32 codebooks of 1024 take long to begin with on a CPU: those are left to GPUs.
        overrides = [
            *("solver=compression/debug", "dset=audio/fma_small_mini", "device=cpu", "sample_rate=32000"),
            *("dataset.segment_duration=1", "dataset.batch_size=2", "dataset.num_workers=0", "optim.epochs=3"),
            *("dataset.min_segment_ratio=1.0", "optim.updates_per_epoch=30", "dataset.valid.num_samples=2"),
            *("dataset.evaluate.num_samples=2", "evaluate.every=1", "generate.every=1", "label=killed", *TINY.split()),
        ]
        where = ["--repo", self.common["AUDIOCRAFT_REPO_DIR"], "--experiments", str(self.experiments)]
        python = ["--python", str(self.base / "audiocraft-venv/bin/python")]
        run = [*command, "run", *where, *python, *overrides]
        process = subprocess.Popen([*run, "--clear"], env=self.environment, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Train | Epoch 2"):
                break
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        self.holds(process.wait() == 130, "Ctrl-C in the second epoch ends the training, and gives 130")
        done = subprocess.run(run, env=self.environment, capture_output=True, text=True, check=False)
        self.holds(done.returncode == 0, "the same command goes on after the last epoch")
        self.holds("it goes on after epoch 1" in done.stderr, "and says so")
        self.holds("3 of 3 epochs, 1 before" in done.stdout, "and has all its epochs then")
        shown = subprocess.run(
            [*command, "xp", *where, *python, "--plot", str(self.work / "losses.png"), *reversed(overrides)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.holds("finished: 3 of 3 epochs" in shown.stdout, "xp finds it by dora's signature, in any order")
        self.holds((self.work / "losses.png").stat().st_size > 5_000, "and draws its losses")

    @contextmanager
    def fma(self, web: Path) -> Iterator[FolderServer]:
        """Serves the archives under the same address as in an earlier call, since that is where the tracks are from."""
        known = self.work / "port.txt"
        with serving(web, int(known.read_text()) if known.exists() else 0) as server:
            known.write_text(str(server.server_address[1]))
            yield server

    def setup(self, name: str, source: str) -> str:
        changes = {"FMA_SOURCE": source, "FMA_RAW_DIR": str(self.base / "data/fma_raw"), "NUM_SAMPLES_TOTAL": TRACKS}
        changes |= {"BASE_DIR": str(self.base), "AUDIOCRAFT_REPO_URL": self.origin, "INSTALL_SYSTEM": False}
        return execute(SETUP, self.executed(name), {**self.common, **changes}, self.environment)

    def train(self, name: str, **changes: Any) -> str:
        caps = {"BATCH_SIZE": 2, "NUM_WORKERS": 0, "UPDATES_PER_EPOCH": 2, "VALID_NUM_SAMPLES": 2}
        caps |= {"EVALUATE_NUM_SAMPLES": 2, "MORE_SETTINGS": TINY}
        return execute(TRAIN, self.executed(name), {**self.common, **caps, **changes}, self.environment)

    def executed(self, name: str) -> Path:
        return self.work / f"executed/{name}.ipynb"

    def files(self) -> dict[str, int]:
        """Everything that a second run must leave alone, with its time."""
        folders = [self.data, self.base / "data/fma_raw", self.base / "audiocraft/config"]
        packages = sorted((self.base / "audiocraft-venv/lib").glob("python*/site-packages/*.dist-info"))
        paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()] + packages
        listed = [path for path in paths if ".soundwright" not in path.parts]
        return {str(path.relative_to(self.base)): path.lstat().st_mtime_ns for path in listed}

    def holds(self, what: bool, text: str) -> None:
        print(f"{'ok    ' if what else 'NOT so'} {time.monotonic() - self.began:5.0f} s  {text}", flush=True)
        if not what:
            raise SystemExit(1)


def checkout(work: Path) -> str:
    """AudioCraft's source archive, unpacked and put under git; gives the address of that."""
    folder = work / "audiocraft-1.3.0"
    if not (folder / ".git/refs/heads").exists():
        fetch = ["download", "--quiet", "--no-deps", "--no-binary", "audiocraft", AUDIOCRAFT]
        subprocess.run([sys.executable, "-m", "pip", *fetch, "--dest", str(work)], check=True)
        with tarfile.open(next(work.glob("audiocraft-1.3.0.tar.gz"))) as archive:
            archive.extractall(work, filter="data")
        commit(folder)
    return str(folder)


def under_git(clone: Path, work: Path) -> str:
    """A checkout that git can clone: the one given, or a copy of it where it has no history."""
    if (clone / ".git").exists():
        return str(clone)
    copy = work / f"origin-{clone.name}"
    if not (copy / ".git/refs/heads").exists():
        subprocess.run(["cp", "-r", f"{clone}/.", str(copy)], check=True)
        commit(copy)
    return str(copy)


def commit(folder: Path) -> None:
    identity = ["-c", "user.name=audiocraft", "-c", "user.email=audiocraft@localhost"]
    for arguments in (["init", "--quiet"], ["add", "--all", "--force"], ["commit", "--quiet", "-m", "as published"]):
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


if __name__ == "__main__":
    main()
