"""Document 004's test of the training: sample songs in, a trained mixer out, and a mix that it mends."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from soundwright.core.errors import UsageError
from soundwright.mixing.train import CONFIG, TrainedMixer, need_extras, train

if TYPE_CHECKING:
    from soundwright.mixing.config import TrainConfig
    from soundwright.mixing.executor import Samples
    from soundwright.mixing.suggest import Suggestion

#: Songs with stems; one more comes as a single file.
_SONGS = 4
_HELD_OUT_SEED = 1000
_FAULT = "drums: change_volume(db=9.0)"


@dataclass(frozen=True)
class Trial:
    """What the trial came to.

    Attributes:
        trained: the training.
        answer: the trained mixer's instructions, as text.
        before: distance of the faulty mix to the good one.
        after: of the mended one.
        began_from: the preset that the training goes on from.
        duration_s: of everything.
    """

    trained: TrainedMixer
    answer: str
    before: float
    after: float
    duration_s: float
    began_from: str = "tiny"

    @property
    def exit_code(self) -> int:
        """That of the training: a trial proves that everything works, not that a short training helps."""
        return self.trained.exit_code

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        on = f"{self.trained.segments} segments of made-up songs"
        yield f"trained: {self.trained.steps} steps on {on}, beginning from {self.began_from}"
        yield f"a fault: {_FAULT}"
        yield from (f"decoded: {line}" for line in self.answer.splitlines() or ["nothing to do"])
        yield f"carried out: distance to the good mix {self.before:.3f} -> {self.after:.3f}"
        yield f"everything works ({self.duration_s:.0f} s); the songs are synthetic, so the numbers mean little"


def trial(config: Path = CONFIG, *, epochs: int = 1, keep: Path | None = None) -> Trial:
    """Makes sample songs, trains the mixer on them, lets it mend a mix with a known fault, and reports.

    Args:
        config: As for `mix train`.
        epochs: Rounds through the sample songs.
        keep: Folder for the songs and the mixer, not there yet or empty; otherwise they are removed at the end.

    Returns:
        What the training and the mended mix came to.

    Raises:
        UsageError: the config cannot be used, or KEEP holds files.
    """
    from soundwright.mixing.config import read_config

    need_extras()
    settings = read_config(config)
    if epochs < 1:
        raise UsageError(f"--epochs {epochs}", remedy="give a number from 1")
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UsageError("exists already", path=keep, remedy="give a new folder")
    if keep is not None:
        return _run(keep, config, settings, epochs)
    with tempfile.TemporaryDirectory(prefix="mixer-trial-") as folder:
        return _run(Path(folder), config, settings, epochs)


def _run(folder: Path, config: Path, settings: TrainConfig, epochs: int) -> Trial:
    from soundwright.mixing.building import begins_from_tiny
    from soundwright.mixing.song_maker import make_song

    began = time.monotonic()
    begun = "tiny" if begins_from_tiny(settings) else "new heads over its base models"
    rate, each_s = settings.data.sample_rate, settings.data.segment_duration
    _write_songs(folder / "data" / "raw", rate, 2 * each_s)
    trained = train(
        config,
        data_dir=folder / "data",
        processed_dir=folder / "data" / "processed",
        dataset_file=folder / "data" / "dataset.json",
        num_epochs=epochs,
        output=folder / "models" / "finetuned" / "mixer",
    )
    if not trained.done:
        return Trial(trained, "", 0.0, 0.0, time.monotonic() - began, begun)
    answer, before, after = _mend(trained.folder, make_song(_HELD_OUT_SEED, 2 * each_s, rate), rate)
    return Trial(trained, answer, before, after, time.monotonic() - began, begun)


def _write_songs(raw: Path, sample_rate: int, duration_s: float) -> None:
    from soundwright.audio.files import write_wav
    from soundwright.mixing.executor import add_up
    from soundwright.mixing.song_maker import make_song

    for seed in range(_SONGS):
        for stem, samples in make_song(seed, duration_s, sample_rate).items():
            write_wav(raw / f"artist{seed + 1}" / "song1" / "stems" / f"{stem}.wav", samples, sample_rate)
    whole = add_up(make_song(_SONGS, duration_s, sample_rate).values())
    write_wav(raw / "artist1" / "song2.wav", whole, sample_rate)


def _mend(model: Path, good: dict[str, Samples], sample_rate: int) -> tuple[str, float, float]:
    """What a mixer says to a faulty mix beside the good one, and how far the mix is from it before and after."""
    from soundwright.formats.instructions import parse, render
    from soundwright.mixing.executor import MixingTools, add_up
    from soundwright.mixing.metrics import spectral_distance
    from soundwright.mixing.suggest import suggest

    tools = MixingTools(sample_rate)
    target = add_up(good.values())
    heard, faulty = tools.mix(good, parse(_FAULT))
    said: Suggestion = suggest(heard, sample_rate, "the drums are too loud", target, model)
    text = render(said.instructions)
    mended = tools.mix(heard, parse(text))[1]
    return text, spectral_distance(faulty, target), spectral_distance(mended, target)
