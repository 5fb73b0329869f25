"""The commands of docs/audiocraft.md, run as written in an empty folder, with a server in FMA's place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
for room in ("corpus", "audiocraft"):
    sys.path.insert(0, str(ROOT / "tests" / room))

from fma_archive import make_archive  # noqa: E402
from fma_server import serving  # noqa: E402
from played_audiocraft import Played  # noqa: E402

PAGE = (ROOT / "docs/audiocraft.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """The lines of the page's blocks of commands."""
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
    return "".join(blocks).replace("\\\n", " ").splitlines()


def test_the_commands_of_the_page(tmp_path: Path) -> None:
    played = Played.make(tmp_path / "played")
    shutil.move(played.repo, tmp_path / "audiocraft")
    (tmp_path / "audiocraft-venv").symlink_to(played.python.parent.parent)
    found = {"version": "1.3.0", "file": str(tmp_path / "audiocraft/audiocraft/__init__.py")}
    played.switch(audiocraft=found)
    (tmp_path / "web").mkdir()
    make_archive(tmp_path / "web/fma_small.zip", [2, 5, 140], duration_s=21.0)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = []
    with serving(tmp_path / "web") as server:
        for command in commands():
            if "corpus fma" in command:
                command = command.replace("100", "3") + f" --source {server.url}/fma_small.zip --metadata none"
            if "SIGNATURE" in command:
                (experiment,) = (tmp_path / "experiments/xps").iterdir()
                command = command.replace("SIGNATURE", experiment.name)
            done = subprocess.run(
                ["bash", "-euc", command],
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            ran.append(" ".join(command.split()[1:3]))
    assert ran == [
        *("corpus fma", "corpus convert", "corpus segment", "corpus split"),
        *("audiocraft export", "audiocraft doctor", "audiocraft run", "audiocraft xp"),
        *("corpus normalize", "codec encode"),
    ]
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "data/egs/train").glob("*.wav"))) == 4
