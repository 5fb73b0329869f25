"""Scores for rendered songs: four parts, keys, tempi and patterns by style, a verse and a chorus that differ.

Everything is a function of the generators that are passed in. An artist is a style with instruments of its own; the
songs of an artist share them, as records do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soundwright.recipes.midi import Note

STEMS = ("vocals", "drums", "bass", "other")
_CHANNEL = {"vocals": 0, "bass": 1, "other": 2, "drums": 9}
_LAYER_CHANNEL = 3  # the second instrument of `other`
_KICK, _SNARE, _CLAP, _HAT, _OPEN_HAT, _CRASH, _RIDE, _TOMS = 36, 38, 39, 42, 46, 49, 51, (48, 45, 41)
_MAJOR, _MINOR, _DORIAN = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10)
_PROGRESSIONS = ((0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 0, 4), (1, 4, 0, 0), (0, 6, 3, 4), (3, 4, 2, 5))


@dataclass(frozen=True)
class Style:
    """What songs of a kind have in common; sixteen characters are a bar, `x` a stroke.

    Attributes:
        bpm: lowest and highest tempo.
        lead: General MIDI programs of the part that stands for a voice.
        chords: programs of the harmony.
        layer: programs of what joins it in the chorus.
        bass: programs.
        kit: programs of the drum channel.
        kick: bars of which an artist's songs choose.
        snare: likewise.
        hats: likewise.
        strokes: how the chords are played.
        walking: whether the bass walks.
    """

    bpm: tuple[float, float]
    lead: tuple[int, ...]
    chords: tuple[int, ...]
    layer: tuple[int, ...]
    bass: tuple[int, ...]
    kit: tuple[int, ...]
    kick: tuple[str, ...]
    snare: tuple[str, ...]
    hats: tuple[str, ...]
    strokes: tuple[str, ...]
    walking: bool = False


_EVEN, _SIXTEENTHS, _OFF = "x.x.x.x.x.x.x.x.", "xxxxxxxxxxxxxxxx", "..x...x...x...x."
_BACKBEAT = "....x.......x..."
STYLES = {
    "rock": Style((100, 150), (52, 53, 65, 29), (27, 29, 30), (16, 18, 48), (33, 34), (0, 16),
                  ("x.....x.x.......", "x.x.....x.x....."), (_BACKBEAT,), (_EVEN,), (_EVEN, "x.......x.......")),
    "pop": Style((88, 124), (53, 54, 85, 73), (0, 4, 25), (48, 50, 89), (33, 38), (0, 8, 24),
                 ("x.......x.......", "x.....x...x....."), (_BACKBEAT,), (_EVEN, _SIXTEENTHS),
                 ("x...............", "x.......x.x.....")),
    "electro": Style((116, 136), (54, 80, 81, 85), (81, 90, 62), (89, 91, 95), (38, 39), (24, 25),
                     ("x...x...x...x...",), (_BACKBEAT, "................"), (_OFF, _SIXTEENTHS),
                     (_OFF, "x..x..x...x..x..")),
    "jazz": Style((90, 150), (65, 66, 56, 73), (0, 26), (11, 48), (32,), (32, 40),
                  ("x...............", "x.........x....."), ("..........x.....", "................"),
                  ("x...x..xx...x..x",),
                  ("...x......x.....", "x......x........"), walking=True),
    "folk": Style((76, 112), (53, 73, 40, 22), (24, 25), (46, 48, 21), (32, 33), (0, 40),
                  ("x.......x.......",), ("............x...", _BACKBEAT), ("x...x...x...x...",),
                  (_EVEN, "x...x.x...x.x.x.")),
    "funk": Style((92, 116), (65, 57, 53, 85), (7, 16, 27), (61, 62), (36, 33), (0, 8),
                  ("x..x......x..x..", "x.....x..x......"), ("....x..x.x..x...", _BACKBEAT), (_SIXTEENTHS,),
                  ("..x..x....x..x..", "...x..x....x....")),
    "ballad": Style((60, 82), (52, 53, 68, 71), (0, 2, 24), (48, 49, 52), (32, 33, 35), (0, 8, 40),
                    ("x.......x.......",), ("........x.......", _BACKBEAT), (_EVEN,),
                    ("x...............", "x...x...x...x...")),
    "latin": Style((94, 128), (56, 73, 53, 65), (0, 24), (61, 12, 21), (32, 33), (0,),
                   ("x..x..x.x..x..x.",), ("...x..x.....x...", "..x..x..x..x..x."), (_EVEN,),
                   ("x..x..x...x.x...", "..xx..x...xx..x.")),
}  # fmt: skip


@dataclass(frozen=True)
class Artist:
    """A style with instruments of its own.

    Attributes:
        style: a key of `STYLES`.
        lead: program.
        chords: program.
        layer: program.
        bass: program.
        kit: program of the drum channel.
        tonic: the MIDI key around which songs are, 40 to 51.
        minor: how likely a song is in minor.
    """

    style: str
    lead: int
    chords: int
    layer: int
    bass: int
    kit: int
    tonic: int
    minor: float


@dataclass(frozen=True)
class Score:
    """A song before it sounds.

    Attributes:
        notes: by stem, in seconds from the song's beginning.
        bpm: quarter notes per minute.
        sections: start and end in seconds, and label: `verse` or `chorus`.
    """

    notes: dict[str, list[Note]]
    bpm: float
    sections: list[tuple[float, float, str]]


def make_artist(rng: np.random.Generator, style: str) -> Artist:
    """An artist of a style."""
    s = STYLES[style]
    lead, chords, layer, bass, kit = (int(rng.choice(some)) for some in (s.lead, s.chords, s.layer, s.bass, s.kit))
    return Artist(style, lead, chords, layer, bass, kit, int(rng.integers(40, 52)), float(rng.uniform(0.1, 0.7)))


def make_score(rng: np.random.Generator, artist: Artist, duration_s: float) -> Score:
    """A song of an artist: four bars of verse, four of chorus, and so on."""
    return _Song(rng, artist, duration_s).score()


class _Song:
    def __init__(self, rng: np.random.Generator, artist: Artist, duration_s: float) -> None:
        self.rng, self.artist, self.style, self.duration_s = rng, artist, STYLES[artist.style], duration_s
        self.bpm = float(rng.uniform(*self.style.bpm))
        self.bar_s = 240.0 / self.bpm
        minor = _DORIAN if artist.style in ("funk", "jazz") else _MINOR
        self.scale = minor if rng.random() < artist.minor else _MAJOR
        self.tonic = artist.tonic + int(rng.integers(-2, 3))
        self.swing = 0.33 if artist.style == "jazz" else float(rng.choice([0.0, 0.0, 0.15]))
        verse, chorus = rng.permutation(len(_PROGRESSIONS))[:2]
        self.progression = {"verse": _PROGRESSIONS[verse], "chorus": _PROGRESSIONS[chorus]}
        self.kick, self.snare, self.hats, self.strokes = (
            str(rng.choice(some)) for some in (self.style.kick, self.style.snare, self.style.hats, self.style.strokes)
        )
        self.motif = {name: self._motif(dense) for name, dense in (("verse", 0.45), ("chorus", 0.65))}
        self.notes: dict[str, list[Note]] = {stem: [] for stem in STEMS}

    def score(self) -> Score:
        num_bars = int(np.ceil(self.duration_s / self.bar_s))
        sections = []
        for bar in range(num_bars):
            label = "chorus" if bar // 4 % 2 else "verse"
            if bar % 4 == 0:
                end_s = min((bar + 4) * self.bar_s, self.duration_s)
                sections.append((round(bar * self.bar_s, 3), round(end_s, 3), label))
            degree = self.progression[label][bar % 4]
            self._drums(bar, label)
            self._bass(bar, label, degree)
            self._other(bar, label, degree)
            self._vocals(bar, label, degree)
        return Score(self.notes, self.bpm, sections)

    def _drums(self, bar: int, label: str) -> None:
        chorus, last = label == "chorus", bar % 4 == 3
        if chorus and bar % 4 == 0:
            self._hit(bar, 0, _CRASH, 100)
        fill = last and self.rng.random() < 0.7
        for step in range(16):
            if fill and step >= 12:
                self._hit(bar, step, _TOMS[(step - 12) * 3 // 4], int(self.rng.integers(80, 112)))
                continue
            if self.kick[step] == "x" or (chorus and step % 2 == 0 and self.rng.random() < 0.06):
                self._hit(bar, step, _KICK, int(self.rng.integers(96, 116)))
            if self.snare[step] == "x":
                self._hit(bar, step, _CLAP if self.artist.kit in (24, 25) and chorus else _SNARE, 100)
            if self.hats[step] == "x":
                jazz = self.artist.style == "jazz"
                hat = _RIDE if jazz or (chorus and self.artist.style == "rock") else _HAT
                hat = _OPEN_HAT if not jazz and chorus and step == 14 else hat
                self._hit(bar, step, hat, int(self.rng.integers(55, 80)) + (18 if step % 4 == 0 else 0))

    def _bass(self, bar: int, label: str, degree: int) -> None:
        program, low = self.artist.bass, -7
        if self.style.walking:
            for beat, move in enumerate((0, 2, 4, int(self.rng.choice([1, 3, 5])))):
                self._note("bass", bar, 4 * beat, 3.6, degree + move + low, 92, program)
            return
        pattern = self.kick if label == "verse" else _EVEN
        starts = [step for step in range(16) if pattern[step] == "x"] or [0]
        for start, end in zip(starts, [*starts[1:], 16], strict=True):
            jump = 7 if label == "chorus" and start % 4 == 2 and self.rng.random() < 0.3 else 0
            fifth = 4 if start >= 12 and self.rng.random() < 0.25 else 0
            self._note("bass", bar, start, 0.9 * (end - start), degree + jump + fifth + low, 98, program)

    def _other(self, bar: int, label: str, degree: int) -> None:
        starts = [step for step in range(16) if self.strokes[step] == "x"]
        if label == "verse":
            starts = starts[:: 2 if len(starts) > 4 else 1]
        seventh = (6,) if self.artist.style in ("jazz", "funk") else ()
        for start, end in zip(starts, [*starts[1:], 16], strict=True):
            for third in (0, 2, 4, *seventh):
                velocity = int(self.rng.integers(66, 84)) + (10 if label == "chorus" else 0)
                self._note("other", bar, start, 0.92 * (end - start), degree + third + 7, velocity, self.artist.chords)
        if label == "chorus":
            for third in (2, 4, 7):
                self._note("other", bar, 0, 15.5, degree + third + 7, 62, self.artist.layer, _LAYER_CHANNEL)

    def _vocals(self, bar: int, label: str, degree: int) -> None:
        motif = self.motif[label][bar % 2]
        if bar % 4 == 3:
            motif = [stroke for stroke in motif if stroke[0] < 10]  # a breath at the end of the phrase
        for step, length, move in motif:
            place = move + (3 if label == "chorus" else 0)
            if step % 4 == 0:  # on the beat a note of the chord
                place = degree % 7 + 2 * round((place - degree % 7) / 2)
            velocity = int(self.rng.integers(84, 108))
            self._note("vocals", bar, step, 0.95 * length, place + 14, velocity, self.artist.lead)

    def _motif(self, density: float) -> list[list[tuple[int, float, int]]]:
        """Two bars of (step, length in steps, place in the scale)."""
        bars = []
        place = int(self.rng.integers(0, 5))
        for _ in range(2):
            steps = [step for step in range(0, 16, 2) if self.rng.random() < density] or [0, 8]
            bar = []
            for start, end in zip(steps, [*steps[1:], 16], strict=True):
                place = int(np.clip(place + self.rng.integers(-2, 3), -2, 7))
                bar.append((start, float(min(end - start, 8)), place))
            bars.append(bar)
        return bars

    def _hit(self, bar: int, step: int, key: int, velocity: int) -> None:
        start_s = self._start_s(bar, step)
        if start_s < self.duration_s - 0.05:
            self.notes["drums"].append(Note(start_s, 0.1, key, velocity, self.artist.kit, _CHANNEL["drums"]))

    def _note(
        self, stem: str, bar: int, step: int, steps: float, degree: int, velocity: int, program: int, channel: int = -1
    ) -> None:
        start_s = self._start_s(bar, step)
        length_s = min(steps * self.bar_s / 16, self.duration_s - start_s)
        octave, place = divmod(degree, 7)
        key = self.tonic + 12 * octave + self.scale[place]
        if length_s > 0.05:
            where = _CHANNEL[stem] if channel < 0 else channel
            self.notes[stem].append(Note(start_s, length_s, int(np.clip(key, 24, 100)), velocity, program, where))

    def _start_s(self, bar: int, step: int) -> float:
        late = self.swing if step % 4 == 2 else 0.0
        return bar * self.bar_s + (step + late) * self.bar_s / 16
