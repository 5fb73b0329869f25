"""A session for REAPER: a track per stem, faders and pans where they say it all, the rest printed into the sound.

A `.rpp` file is lines of words within nested `<KIND ... >`. Words with spaces stand in quotes, of the kind that they do
not contain; there is no escape.

Our balance b raises one channel by 9 b dB and lowers the other by as much. REAPER's balance, at a pan law of 0 dB with
linear taper, leaves the nearer channel alone and multiplies the farther one by 1 - |pan|. So

    |pan| = 1 - 10^(-18 |b| / 20)       the difference of the channels
    fader = 10^((db + 9 |b|) / 20)      what the nearer channel gains

and each track says that law itself, whatever the project's or the user's default is.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from soundwright.core.units import amplitude_from_db
from soundwright.formats.instructions import Call
from soundwright.mixing.effects.balance import FULL_DIFFERENCE_DB
from soundwright.mixing.tools import fill

#: Tools that a fader and a pan pot can do.
FADER_TOOLS = frozenset({"change_volume", "apply_pan"})
_VERSION = '0.1 "7.0/linux-x86_64" 0'
#: Pan mode: stereo balance; taper: linear; law: 0 dB, as an amplitude.
_BALANCE, _LINEAR, _NO_LAW = 3, 2, 1
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_NAMESPACE = uuid.UUID("6f1c0a2e-2f0b-5d6e-9a53-0d3c9b1a7e44")


@dataclass(frozen=True)
class Track:
    """A track with one sound from the session's beginning on.

    Attributes:
        name: of the track.
        file: a WAV file, relative to the session.
        duration_s: its length in seconds.
        volume: the fader, 1.0 is 0 dB.
        pan: -1 to 1, as REAPER has it.
        muted: whether it is silent until somebody wants it.
    """

    name: str
    file: PurePosixPath
    duration_s: float
    volume: float = 1.0
    pan: float = 0.0
    muted: bool = False


def fader_and_pan(calls: Sequence[Call]) -> tuple[float, float] | None:
    """The fader (1.0 is 0 dB) and pan that do what calls do; None where they do more.

    >>> fader_and_pan([Call("change_volume", {"db": -6.0})])
    (0.5011872336272722, 0.0)
    """
    if any(call.tool not in FADER_TOOLS for call in calls):
        return None
    db = sum(fill(call)["db"] for call in calls if call.tool == "change_volume")
    balance = sum(fill(call)["balance"] for call in calls if call.tool == "apply_pan")
    difference_db = abs(balance) * FULL_DIFFERENCE_DB
    pan = math.copysign(1 - amplitude_from_db(-difference_db), balance) if balance else 0.0
    return amplitude_from_db(db + difference_db / 2), pan


def channel_gains(volume: float, pan: float) -> tuple[float, float]:
    """What such a fader and pan make of the left and the right channel: the law that is written into each track."""
    return volume * min(1.0, 1 - pan), volume * min(1.0, 1 + pan)


def session_text(tracks: Sequence[Track], sample_rate: int, tempo_bpm: float = 120.0) -> str:
    """The text of a `.rpp` file; the same for the same arguments.

    Args:
        tracks: from top to bottom.
        sample_rate: Hz.
        tempo_bpm: beats per minute, for the grid; nothing is stretched.
    """
    lines = [
        f"<REAPER_PROJECT {_VERSION}",
        f"  PANLAW {_NO_LAW}",
        f"  PANMODE {_BALANCE}",
        f"  PANLAWFLAGS {_LINEAR}",
        f"  SAMPLERATE {sample_rate} 1 0",
        f"  TEMPO {_number(tempo_bpm)} 4 4",
        "  MASTER_NCH 2 2",
        "  MASTER_VOLUME 1 0 -1 -1 1",
    ]
    for place, track in enumerate(tracks):
        lines += _track(track, place)
    return "\n".join([*lines, ">", ""])


def quoted(word: str) -> str:
    """A word as REAPER writes it; control characters become spaces, and of three kinds of quotes one gives way."""
    word = "".join(" " if character < " " or character == "\x7f" else character for character in word)
    if _PLAIN.fullmatch(word):
        return word
    for quote in "\"'`":
        if quote not in word:
            return f"{quote}{word}{quote}"
    return "`" + word.replace("`", "'") + "`"


def _track(track: Track, place: int) -> list[str]:
    identity = _identity("track", place, track.name)
    volume, pan = _number(track.volume), _number(track.pan)
    return [
        f"  <TRACK {identity}",
        f"    NAME {quoted(track.name)}",
        f"    PANMODE {_BALANCE}",
        f"    PANLAWFLAGS {_LINEAR}",
        f"    VOLPAN {volume} {pan} {_NO_LAW} -1 1",
        f"    MUTESOLO {int(track.muted)} 0 0",
        "    NCHAN 2",
        f"    TRACKID {identity}",
        "    MAINSEND 1 0",
        "    <ITEM",
        "      POSITION 0",
        f"      LENGTH {_number(track.duration_s)}",
        "      LOOP 0",
        "      FADEIN 1 0 0 1 0 0 0",
        "      FADEOUT 1 0 0 1 0 0 0",
        f"      IGUID {_identity('item', place, track.name)}",
        f"      NAME {quoted(track.name)}",
        "      VOLPAN 1 0 1 -1",
        "      SOFFS 0",
        "      PLAYRATE 1 1 0 -1 0 0.0025",
        "      <SOURCE WAVE",
        f"        FILE {quoted(str(track.file))}",
        "      >",
        "    >",
        "  >",
    ]


def _identity(kind: str, place: int, name: str) -> str:
    text = f"{kind}/{place}/{name}".encode("utf-8", "surrogateescape").hex()
    return f"{{{str(uuid.uuid5(_NAMESPACE, text)).upper()}}}"


def _number(value: float) -> str:
    return f"{value:.14g}"
