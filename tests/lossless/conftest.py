"""The stand-in for the codec, as a fixture."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from stand_in_codec import StandIn


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Puts the stand-in in the codec's place, in this process."""
    import soundwright.lossless

    module = StandIn()
    monkeypatch.setitem(sys.modules, "soundwright.lossless.coding", module)
    monkeypatch.setattr(soundwright.lossless, "coding", module, raising=False)
    return module
