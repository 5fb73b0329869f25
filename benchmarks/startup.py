"""Claim: `soundwright --help` takes under 0.3 s of CPU and loads no torch.

    python benchmarks/startup.py

Measured with bytecode caches in place, as after any first call.
"""

from __future__ import annotations

import os
import subprocess
import sys

import paired

LIMIT_S = 0.3


def main() -> None:
    paired.about("cyclopts")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def start(*command: str) -> None:
        subprocess.run([sys.executable, *command], check=True, capture_output=True, env=environment)

    sides = {
        "soundwright --help": lambda: start("-m", "soundwright", "--help"),
        "empty python": lambda: start("-c", ""),
    }
    ours = paired.compare("start-up", sides, at_least={}, runs=9)["soundwright --help"]
    print(f"{ours:.2f} s  (asked: under {LIMIT_S} s, {'met' if ours < LIMIT_S else 'NOT met'})")
    listing = "from soundwright.cli.root import run; run(['--help']); import sys; print('torch' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True).stdout
    print(f"torch loaded: {loaded.splitlines()[-1]}")


if __name__ == "__main__":
    main()
