"""The door is light: `--help` and the verb modules load no heavy library."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ["torch", "transformers", "datasets", "pyarrow", "scipy", "matplotlib", "pandas", "gradio"]
VERBS = [
    "soundwright.corpus.fma.verb",
    "soundwright.corpus.convert",
    "soundwright.corpus.normalize",
    "soundwright.corpus.segment",
    "soundwright.corpus.split",
    "soundwright.codec.encode",
    "soundwright.codec.decode",
    "soundwright.codec.info",
    "soundwright.codec.train",
    "soundwright.sidecar.init",
    "soundwright.sidecar.add",
    "soundwright.sidecar.audit",
    "soundwright.dataset.build",
    "soundwright.dataset.info",
    "soundwright.audiocraft.clone",
    "soundwright.audiocraft.doctor",
    "soundwright.audiocraft.export",
    "soundwright.audiocraft.requirements",
    "soundwright.audiocraft.run",
    "soundwright.audiocraft.xp",
    "soundwright.lossless.compress",
    "soundwright.lossless.decompress",
    "soundwright.lossless.lm.train",
    "soundwright.musicgen.album",
    "soundwright.musicgen.generate",
    "soundwright.musicgen.preload",
    "soundwright.musicgen.replay",
    "soundwright.musicgen.style_verbs",
    "soundwright.mixing.apply",
    "soundwright.mixing.evaluate",
    "soundwright.mixing.fix",
    "soundwright.mixing.prepare",
    "soundwright.mixing.train",
    "soundwright.mixing.trial",
    "soundwright.recipes.demo",
    "soundwright.recipes.doctor",
]


def loaded_by(program: str) -> list[str]:
    listing = f"import json, sys\n{program}\nprint(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    output = subprocess.run([sys.executable, "-c", listing], check=True, capture_output=True, text=True).stdout
    found: list[str] = json.loads(output.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "arguments", [["--help"], ["corpus", "--help"], ["sidecar", "add", "--help"], ["music", "generate", "--help"]]
)
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    assert loaded_by(f"from soundwright.cli.root import run; run({arguments})") == []


@pytest.mark.parametrize("module", VERBS)
def test_verb_modules_load_no_heavy_library(module: str) -> None:
    assert loaded_by(f"import {module}") == []
