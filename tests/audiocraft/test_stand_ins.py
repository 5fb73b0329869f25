"""The stand-ins, in a real environment of its own whose packages are a few lines each."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

import pytest
from played_audiocraft import MODULES

from soundwright.audiocraft.installation import INSIDE, Installation
from soundwright.audiocraft.look import look_at_audiocraft, look_at_modules, require_whole
from soundwright.core.errors import UsageError

ALL = ("xformers", "spacy", "pesq", "torchaudio")
NO_CUDA = "class cuda:\n    is_available = staticmethod(lambda: False)\n"
TORCHAUDIO = """
from . import _extension
from ._extension import fail_if_no_align

def resample(x):
    return x

@fail_if_no_align
def forced_align(x):
    return x
"""
BROKEN_EXTENSION = """
raise OSError("Could not load this library: /somewhere/torchaudio/lib/_torchaudio.abi3.so")
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An interpreter that has every module but spacy and pesq; torchaudio and xformers are there and do not load."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", symlinks=True, with_pip=False)
    (packages,) = (folder / "venv").glob("lib/python3*/site-packages")
    for name in set(MODULES) - {"spacy", "pesq", "xformers.ops", "torchaudio", "torch"}:
        (packages / f"{name}.py").write_text('__version__ = "1.0"\n')
    (packages / "torch.py").write_text(NO_CUDA)
    write(packages / "torchaudio/__init__.py", TORCHAUDIO)
    write(packages / "torchaudio/_extension/__init__.py", BROKEN_EXTENSION)
    write(packages / "xformers/__init__.py", "raise ImportError('built for another PyTorch')\n")
    checkout = folder / "checkout"
    needs = "import torchaudio, xformers.ops, spacy, pesq\n"
    write(checkout / "audiocraft/__init__.py", f'{needs}__version__ = "1.3.0"\n')
    return Installation(checkout, folder / "venv/bin/python")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def do(environment: Installation, program: str, stand_ins: tuple[str, ...] = ALL) -> subprocess.CompletedProcess[str]:
    variables = environment.variables(stand_ins)
    command = [str(environment.python), "-c", program]
    return subprocess.run(command, env=variables, cwd=environment.repo, capture_output=True, text=True, check=False)


def test_what_does_not_load_is_found_and_replaced(environment: Installation) -> None:
    found = look_at_modules(environment)
    assert found.errors.keys() == {"torchaudio", "xformers.ops", "spacy", "pesq"}
    assert found.errors["xformers.ops"] == ("ImportError", "built for another PyTorch")
    assert sorted(found.stand_ins) == sorted(ALL)
    assert found.missing == {}
    assert found.versions["julius"] == "1.0"
    assert (found.cuda, found.no_cuda[:14]) == ("", "no CUDA device")
    require_whole(found, environment)
    whole, text = look_at_audiocraft(environment, found)
    assert whole, text
    assert text == f"1.3.0 in {environment.repo}/audiocraft/__init__.py"


def test_without_stand_ins_audiocraft_does_not_load(environment: Installation) -> None:
    assert "Could not load this library" in do(environment, "import audiocraft", ()).stderr


def test_the_python_half_of_torchaudio_works_and_the_other_half_says_why_not(environment: Installation) -> None:
    done = do(environment, "import torchaudio; print(torchaudio.resample(3)); torchaudio.forced_align(3)")
    assert done.stdout == "3\n"
    assert "RuntimeError: forced_align needs torchaudio's native extension, which does not load here" in done.stderr


def test_it_reaches_the_processes_that_load_data(environment: Installation) -> None:
    again = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'import audiocraft']))"
    done = do(environment, again)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import xformers.ops; xformers.ops.memory_efficient_attention", "efficient_attention_backend=torch"),
        (
            "import spacy; spacy.load('en_core_web_sm')",
            "AttributeError: spacy.load is not here: spacy is not installed",
        ),
        ("from pesq import pesq; pesq(16000, [], [])", "RuntimeError: pesq is not installed"),
        ("from pesq import NoUtterancesError", "ImportError: cannot import name 'NoUtterancesError' from 'pesq'"),
    ],
)
def test_what_a_stand_in_cannot_do_it_says(environment: Installation, program: str, said: str) -> None:
    done = do(environment, program)
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1]


def test_the_function_that_is_used_works(environment: Installation) -> None:
    program = """
class Tensor:
    def unbind(self, dim):
        return f"taken apart along {dim}"
from xformers import ops
print(ops.unbind(Tensor(), 2), ops.unbind(Tensor(), dim=0))
"""
    assert do(environment, program).stdout == "taken apart along 2 taken apart along 0\n"


def test_the_real_ones_stay_where_they_load(tmp_path: Path, environment: Installation) -> None:
    """Real ones in the checkout's folder, which comes first in the path, stand for such an environment."""
    for name in ("spacy", "pesq", "xformers/__init__", "xformers/ops", "torchaudio"):
        write(tmp_path / f"{name}.py", '__version__ = "real"\n')
    write(tmp_path / "audiocraft/__init__.py", '__version__ = "1.3.0"\n')
    whole = Installation(tmp_path, environment.python)
    found = look_at_modules(whole)
    assert (found.errors, found.stand_ins) == ({}, ())
    assert found.versions["xformers.ops"] == "real"
    assert str(INSIDE) not in whole.variables(found.stand_ins)["PYTHONPATH"]
    assert look_at_audiocraft(whole, found)[0]


def test_only_what_is_needed_is_put_into_the_path(environment: Installation) -> None:
    path = environment.variables(("spacy",))["PYTHONPATH"]
    assert path == f"{environment.repo}:{INSIDE}/stand_ins/spacy"


def test_the_parent_folder_of_a_checkout_proves_nothing(environment: Installation, tmp_path: Path) -> None:
    (tmp_path / "audiocraft/audiocraft").mkdir(parents=True)
    parent = Installation(tmp_path, environment.python)
    whole, text = look_at_audiocraft(parent, look_at_modules(parent))
    assert not whole
    assert text.startswith("is an empty namespace package")


def test_what_has_no_stand_in_is_refused_in_one_line(environment: Installation, tmp_path: Path) -> None:
    write(tmp_path / "julius.py", "raise ImportError('broken\\nin two lines')\n")
    lacking = Installation(tmp_path, environment.python)
    with pytest.raises(UsageError, match="environment lacks julius: broken in two lines -> run notebooks/01"):
        require_whole(look_at_modules(lacking), lacking)
