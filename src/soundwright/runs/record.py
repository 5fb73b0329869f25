"""`run.json`: what was run, on what, with what, and how it went."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

#: Packages whose versions can change an output.
_PACKAGES = ("soundwright", "numpy", "soundfile", "soxr", "torch", "transformers", "datasets", "pyarrow")


def versions() -> dict[str, str]:
    """Versions of Python, the platform and the packages that matter; absent ones are left out."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def describe(step: str, settings: dict[str, Any], seeds: dict[str, int] | None = None) -> dict[str, Any]:
    """The part of a record that is known before the work begins."""
    return {
        "step": step,
        "command": sys.argv,
        "settings": settings,
        "seeds": seeds or {},
        "versions": versions(),
        "cores": os.cpu_count(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "running",
    }


def digest_of(digests: Iterable[str]) -> str:
    """One digest for many, whatever their order."""
    total = hashlib.sha256()
    for digest in sorted(digests):
        total.update(digest.encode())
    return total.hexdigest()
