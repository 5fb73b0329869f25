"""An interpreter that answers like AudioCraft's, without AudioCraft: a script that plays look, signature and training.

What it is to play stands in `switches.json` beside it; what it was asked stands in `calls.jsonl`.
"""

from __future__ import annotations

import json
import runpy
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundwright.audiocraft.installation import INSIDE
from soundwright.audiocraft.run import Run, run
from soundwright.runs.events import Event, LogLine, Note, listening

MODULES: tuple[str, ...] = runpy.run_path(str(INSIDE / "look.py"))["MODULES"]

PROGRAM = r"""#!{python} -ISu
import hashlib, json, os, shutil, signal, subprocess, sys, time
from pathlib import Path

HERE = Path(__file__).parent
switches = json.loads((HERE / "switches.json").read_text())
arguments = sys.argv[1:]
with open(HERE / "calls.jsonl", "a") as calls:
    call = {{"arguments": arguments, "cwd": os.getcwd(), "variables": dict(os.environ), "pid": os.getpid()}}
    calls.write(json.dumps(call) + "\n")


def settings_of(overrides):
    settings = dict(switches["settings"])
    for override in overrides:
        name, _, value = override.partition("=")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    return settings


def folder_of(overrides):
    counting = sorted(override for override in overrides if "num_workers" not in override)
    sig = hashlib.sha1(json.dumps(counting).encode()).hexdigest()[:8]
    return Path(os.environ["AUDIOCRAFT_DORA_DIR"]) / "xps" / sig


def look():
    found = {{"python": "3.11.7", "modules": switches["modules"], "cuda": switches["cuda"]}}
    if "--audiocraft" in arguments:
        found["audiocraft"] = switches["audiocraft"]
    print("a package that talks when it is imported")
    print(json.dumps(found))


def signature(overrides):
    if "refuse" in switches:
        sys.stderr.write(switches["refuse"])
        sys.exit(1)
    if "babble" in switches:
        print(switches["babble"])
        return
    folder = folder_of(overrides)
    print(json.dumps({{"sig": folder.name, "folder": str(folder), "settings": settings_of(overrides)}}))


def epoch_of(settings, number):
    loss = switches.get("loss", 1 / number)
    epoch = {{"train": {{"l1": loss, "g_loss": loss, "duration": 1.0}}, "valid": {{"l1": loss, "duration": 0.1}}}}
    for stage in ("evaluate", "generate"):
        every = settings[stage + ".every"]
        due = every and (number % every == 0 or number == settings["optim.epochs"])
        if due and stage != switches.get("without_stage"):
            epoch[stage] = {{"duration": 0.1}}
    return epoch


def train(overrides, clear):
    settings, folder = settings_of(overrides), folder_of(overrides)
    print("Dora directory:", os.environ["AUDIOCRAFT_DORA_DIR"])
    time.sleep(switches.get("loading_s", 0))
    if clear and folder.exists() and not switches.get("fails_to_clear"):
        shutil.rmtree(folder)
    (folder / ".hydra").mkdir(parents=True, exist_ok=True)
    (folder / ".argv.json").write_text(json.dumps(overrides))
    (folder / ".hydra/config.yaml").write_text("optim:\n  epochs: %d\n" % settings["optim.epochs"])
    (folder / "train.log").touch()
    log = open(folder / "solver.log.0", "a", buffering=1)

    def tell(text, who="flashy.solver"):
        log.write("[%s][%s][INFO] - %s\n" % (time.strftime("%m-%d %H:%M:%S"), who, text))

    tell("world_size is 1, skipping init.", "dora.distrib")
    path = folder / "history.json"
    history = json.loads(path.read_text()) if path.exists() else []
    for number, _ in enumerate(history, 1):
        tell("\x1b[1mTrain Summary | Epoch %d | replayed\x1b[0m" % number)
    for number in range(len(history) + 1, settings["optim.epochs"] + 1):
        tell("Train | Epoch %d | 1/2 | 4.12 it/sec | l1 0.261" % number)
        if switches.get("fails_in_epoch") == number:
            sys.stderr.write(switches["says"])
            sys.exit(1)
        if switches.get("killed_in_epoch") == number:
            os.kill(os.getpid(), switches.get("kill_signal", signal.SIGKILL))
        if switches.get("hangs_in_epoch") == number:
            if switches.get("deaf"):
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            loader = subprocess.Popen(["sleep", "300"])
            (HERE / "hanging.part").write_text("%d %d" % (os.getpid(), loader.pid))
            (HERE / "hanging.part").rename(HERE / "hanging")
            while not (HERE / "go on").exists():
                time.sleep(0.02)
            loader.kill()
            loader.wait()
        tell("\x1b[1mTrain Summary | Epoch %d | l1=0.261\x1b[0m" % number)
        history.append(epoch_of(settings, number))
        (folder / "history.part").write_text(json.dumps(history, indent=2))
        (folder / "history.part").rename(path)
        if not switches.get("keeps_no_weights"):
            (folder / "checkpoint.th").write_text("weights of epoch %d" % number)
            tell("Checkpoint saved to %s" % (folder / "checkpoint.th"), "audiocraft.utils.checkpoint")
    if "damages_history" in switches:
        path.write_text("[{{")
    sys.exit(switches.get("exit_code", 0))


if arguments[0].endswith("look.py"):
    look()
elif arguments[0].endswith("signature.py"):
    signature(arguments[1:])
elif arguments[0] == "-c":  # a question of the notebook's
    if "torch" not in arguments[1]:
        sys.exit("ModuleNotFoundError: " + arguments[1])
    print("2.13.0", "device" in switches["cuda"])
elif arguments[:3] == ["-m", "dora", "run"]:
    train([a for a in arguments[3:] if a != "--clear"], "--clear" in arguments)
else:
    sys.exit("was asked something unknown: %s" % arguments)
"""

OVERRIDES = ("solver=compression/debug", "dset=audio/fma_small_mini", "optim.epochs=3")

SETTINGS: dict[str, Any] = {
    "sample_rate": 16000,
    "device": "cuda",
    "optim.epochs": 2,
    "optim.updates_per_epoch": 50,
    "evaluate.every": 1,
    "generate.every": 1,
    "dataset.batch_size": 8,
    "dataset.segment_duration": 1,
    "dataset.min_segment_ratio": 1.0,
    "dataset.valid.num_samples": 30,
    "dataset.evaluate.num_samples": 30,
    "dataset.evaluate.batch_size": 32,
    "datasource.train": None,
    "datasource.valid": None,
    "datasource.evaluate": None,
    "datasource.generate": None,
}


@dataclass(frozen=True)
class Played:
    """A played AudioCraft.

    Attributes:
        folder: of the script, its switches, and what it was asked.
    """

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Played:
        """Writes the script and a checkout; everything is fine until a switch says otherwise."""
        played = cls(folder)
        for path in ("audiocraft/__init__.py", "audiocraft/train.py", "config/config.yaml"):
            (played.repo / path).parent.mkdir(parents=True, exist_ok=True)
            (played.repo / path).touch()
        (played.repo / "config/dset/audio").mkdir(parents=True)
        played.python.parent.mkdir(parents=True)
        played.python.write_text(PROGRAM.format(python=sys.executable))
        played.python.chmod(played.python.stat().st_mode | stat.S_IXUSR)
        played.switch(
            settings=SETTINGS,
            modules={name: {"version": "1.0"} for name in MODULES},
            cuda={"device": "a GPU"},
            audiocraft={"version": "1.3.0", "file": str(played.repo / "audiocraft/__init__.py")},
        )
        return played

    @property
    def repo(self) -> Path:
        """The checkout."""
        return self.folder / "checkout"

    @property
    def python(self) -> Path:
        """The interpreter, where a virtual environment has it."""
        return self.folder / "venv/bin/python"

    @property
    def experiments(self) -> Path:
        """Dora's folder."""
        return self.folder / "experiments"

    @property
    def places(self) -> dict[str, Path]:
        """Where it is, as the verbs take it."""
        return {"repo": self.repo, "python": self.python}

    @property
    def options(self) -> list[str]:
        """Where it is, as the command line takes it."""
        places = {"--experiments": self.experiments, "--repo": self.repo, "--python": self.python}
        return [word for option, path in places.items() for word in (option, str(path))]

    def switch(self, *off: str, **on: Any) -> None:
        """Says what it is to play from now on."""
        path = self.python.parent / "switches.json"
        switches = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**{name: switches[name] for name in switches if name not in off}, **on}))

    def lacks(self, **errors: tuple[str, str]) -> None:
        """Lets modules fail to load: name (with _ for .) -> kind and text of the error."""
        modules = {name: {"version": "1.0"} for name in MODULES}
        for name, (kind, text) in errors.items():
            modules[name.replace("_", ".")] = {"kind": kind, "error": text}
        self.switch(modules=modules)

    @property
    def hanging(self) -> Path:
        """Appears when a training hangs: its process, and that of its data loader."""
        return self.python.parent / "hanging"

    def go_on(self) -> None:
        """Lets a hanging training go on."""
        (self.python.parent / "go on").touch()

    def calls(self, what: str = "") -> list[dict[str, Any]]:
        """What it was asked, of those calls that name `what`."""
        path = self.python.parent / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        calls: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [call for call in calls if what in " ".join(call["arguments"])]


def train(played: Played, *overrides: str, clear: bool = False, result: Path | None = None) -> tuple[Run, list[Event]]:
    """Runs it in this process: what came of it, and what was told."""
    heard: list[Event] = []
    with listening(heard.append):
        done = run(
            *(overrides or OVERRIDES), experiments=played.experiments, clear=clear, result=result, **played.places
        )
    return done, heard


def wrong(done: Run) -> list[str]:
    return [check.text for check in done.checks if not check.holds]


def log_lines(heard: list[Event]) -> list[str]:
    return [event.text for event in heard if isinstance(event, LogLine)]


def notes(heard: list[Event]) -> list[str]:
    return [event.text for event in heard if isinstance(event, Note)]
