"""The smallest writer of Standard MIDI Files: notes with an instrument each, one track, constant tempo."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = 960  # 480 ticks per quarter note at the default tempo of 120 quarter notes per minute


@dataclass(frozen=True)
class Note:
    """One note.

    Attributes:
        start_s: when it begins.
        duration_s: how long the key is held.
        key: MIDI key, 60 is middle C.
        velocity: 1 to 127.
        program: General MIDI instrument, 0 to 127; on the drum channel the kit, 0 for the standard one.
        channel: 0 to 15; channel 9 is drums.
    """

    start_s: float
    duration_s: float
    key: int
    velocity: int
    program: int
    channel: int = 0


def write_midi(path: Path, notes: list[Note]) -> None:
    """Writes a MIDI file of format 0; programs change on their channel where a note needs another one."""
    events: list[tuple[int, int, bytes]] = []  # tick, order within the tick (off, program, on), message
    programs: dict[int, int] = {}
    for note in sorted(notes, key=lambda n: n.start_s):
        start = round(note.start_s * _TICKS_PER_SECOND)
        stop = max(start + 1, round((note.start_s + note.duration_s) * _TICKS_PER_SECOND))
        # The drum channel begins with the standard kit, program 0.
        if programs.get(note.channel, 0 if note.channel == 9 else None) != note.program:
            programs[note.channel] = note.program
            events.append((start, 1, bytes([0xC0 | note.channel, note.program])))
        events.append((start, 2, bytes([0x90 | note.channel, note.key, note.velocity])))
        events.append((stop, 0, bytes([0x80 | note.channel, note.key, 64])))
    events.sort(key=lambda event: event[:2])
    track, now = bytearray(), 0
    for tick, _, message in events:
        track += _variable_length(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480)
    path.write_bytes(header + b"MTrk" + struct.pack(">I", len(track)) + bytes(track))


def _variable_length(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))
