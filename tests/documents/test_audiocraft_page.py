"""The commands of docs/audiocraft.md, run as written in an empty folder, with a server in FMA's place."""

from __future__ import annotations

import os
import re
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
    (played.repo / "requirements.txt").write_text("av==11.0.0\njulius\n")
    (played.repo / "config/dset/audio/default.yaml").touch()
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "as published"]):
        subprocess.run(["git", *identity, *arguments], cwd=played.repo, check=True)
    found = {"version": "1.3.0", "file": str(tmp_path / "audiocraft/audiocraft/__init__.py")}
    played.switch(audiocraft=found)
    (tmp_path / "web").mkdir()
    make_archive(tmp_path / "web/fma_small.zip", [2, 5, 140], duration_s=21.0)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = []
    with serving(tmp_path / "web") as server:
        for command in commands():
            if "-m venv" in command:  # in its place: the played interpreter, which needs nothing installed
                (tmp_path / "audiocraft-venv").symlink_to(played.python.parent.parent)
            if "python -m pip install" in command or "-m venv" in command:
                continue
            command = command.replace("https://github.com/facebookresearch/audiocraft.git", str(played.repo))
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
        *("audiocraft clone", "audiocraft requirements"),
        *("corpus fma", "corpus convert", "corpus segment", "corpus split"),
        *("audiocraft export", "audiocraft doctor", "audiocraft run", "audiocraft xp"),
        *("corpus normalize", "codec encode"),
    ]
    assert "julius" in (tmp_path / "requirements.txt").read_text()
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "data/egs/train").glob("*.wav"))) == 4


def test_the_page_installs_and_trains_what_the_notebooks_do() -> None:
    notebooks = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").glob("*.ipynb")}
    setup, train = (notebooks[name] for name in sorted(notebooks))
    for wanted in re.findall(r"install (?:--no-deps )?(torch\w*==[\d.]+)", PAGE):
        assert f'\\"{wanted}\\"' in setup
    (run,) = [command for command in commands() if "audiocraft run" in command]
    settings = dict(word.split("=") for word in run.split() if "=" in word)
    document = (ROOT / "tests/documents/000.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"```bash\npython -m dora run (.*?)```", document, flags=re.DOTALL)
    documented = dict(word.split("=") for word in command.replace("\\\n", " ").split())
    assert documented.items() <= settings.items()
    added = {name: value for name, value in settings.items() if name not in documented}
    assert all(name in train for name in added)
    assert sorted(added.values()) == ["1.0", "2", "30", "32000"]
