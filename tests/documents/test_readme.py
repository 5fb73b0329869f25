"""What the README and docs/ say is run: the tour's commands in a demo's folder, the demo twice, every link."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STEPS = ("normalized/.soundwright/normalize", "tokens/.soundwright/encode", "decoded/.soundwright/decode")


def run(command: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    run(["soundwright", "demo", "--output", str(folder)], folder.parent)
    return folder


def test_the_demo_makes_a_page_with_sound_and_pictures(demo: Path) -> None:
    page = (demo / "report.html").read_text(encoding="utf-8")
    players = re.findall(r'<audio[^>]*src="([^"]+)"', page)
    assert len(players) == 12
    assert all((demo / player).stat().st_size > 10_000 for player in players)
    assert page.count("data:image/png;base64,") == 24
    assert (demo / "audit.html").exists()


def test_the_demo_knows_the_truth(demo: Path) -> None:
    """Pitch measured from the sound agrees with the pitch in the file name."""
    import numpy as np

    from soundwright.dataset.read import open_pack

    pack = open_pack(demo / "dataset")
    names = pack.splits["train"].columns
    cents = []
    for clip in pack.splits["train"]:
        pitch = clip.cond[:, names.index("pitch")].astype(np.float64)
        hz = clip.cond[:, names.index("f0_hz")].astype(np.float64)
        voiced = clip.cond[:, names.index("voiced")] > 0.5
        assert voiced.mean() > 0.5, clip.audio
        cents.append(np.median(1200 * np.log2(hz[voiced] / (440 * 2 ** ((pitch[voiced] - 69) / 12)))))
    assert np.median(np.abs(cents)) < 10


def test_the_demo_again_does_nothing_twice(demo: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*.wav")}
    run(["soundwright", "demo", "--output", str(demo)], demo.parent)
    assert {path: path.stat().st_mtime_ns for path in demo.rglob("*.wav")} == before
    for step in STEPS:
        counts = json.loads((demo / step / "run.json").read_text())["counts"]
        assert (counts["done"], counts["skipped"]) == (0, 36)


def test_the_tour(demo: Path) -> None:
    tour = README.partition("## Five minutes")[2].partition("## Numbers")[0]
    for language, block in re.findall(r"```(bash|python)\n(.*?)```", tour, flags=re.DOTALL):
        if language == "python":
            assert "ecdc" in run([sys.executable, "-c", block], demo)
        elif block != "cd demo\n":
            run(["bash", "-euc", block], demo)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
