"""Makes tracks: tokens side by side, window by window; then their sound, piece by piece; then file and record.

Where memory runs out, what was computed is let go, half as much is tried at a time, and the work goes on from the last
saved window: the music is the same.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.tags import Tags
from soundwright.core.digest import file_digest
from soundwright.core.errors import SoundwrightError
from soundwright.musicgen.finishing import Finished, FinishOptions, Shape, finish
from soundwright.musicgen.options import MachineOptions, SamplingOptions
from soundwright.musicgen.out_of_memory import free, is_out_of_memory, no_room_for_sound, no_room_for_tokens
from soundwright.musicgen.outcome import Outcome
from soundwright.musicgen.outputs import as_fault, clear_unless_saved, unfinished_path
from soundwright.musicgen.plan import Plan
from soundwright.musicgen.progress import MusicProgress
from soundwright.musicgen.record import Record, record_path, state_path
from soundwright.runs.events import Note, emit

if TYPE_CHECKING:
    from soundwright.musicgen.engine import Engine


@dataclass
class Item:
    """One track to make.

    Attributes:
        output: its file.
        record: of what; what comes out is added to it.
        resume: go on from saved tokens.
        codes: its tokens int16 `[K, T]`, once they are there.
        began: when its turn came, on a clock of seconds.
        begun: what is saved is this track's.
        tried: its tokens were tried alone and memory ran out.
        outcome: what became of it.
    """

    output: Path
    record: Record
    resume: bool = False
    codes: NDArray[np.int16] | None = None
    began: float = field(default_factory=time.monotonic)
    begun: bool = False
    tried: bool = False
    outcome: Outcome | None = None


class Stopped(Exception):
    """The user asked to stop."""


class Maker:
    """Makes tracks with one engine.

    Args:
        engine: of the model.
        plan: of the memory.
        budget: bytes that may be used, if known.
        machine: how much at a time.
        sampling: how tokens are drawn.
        finish: level and fades.
        beginning: float32 `[C, N]` at the engine's rate to go on from, or None.
        melody: the same to follow, or None.
        cancelled: asked often.
        goes_on: whether a batch goes on after a track that fails.
    """

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        budget: int | None,
        machine: MachineOptions,
        sampling: SamplingOptions,
        finish: FinishOptions,
        *,
        beginning: NDArray[np.float32] | None = None,
        melody: NDArray[np.float32] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        goes_on: bool = False,
    ) -> None:
        self._engine, self._plan, self._sampling, self._finish = engine, plan, sampling, finish
        self._at_once, self._chunk = machine.at_once, machine.decode_chunk
        self._melody, self._cancelled, self._goes_on = melody, cancelled, goes_on
        self._beginning = beginning
        self._prompt: NDArray[np.int16] | None = None
        # Loading the decoder again for every group would take longer than some tracks.
        self._together = budget is not None and plan.peak_together <= budget
        self._writes = engine.place.rank == 0
        self._recovered: list[str] = []

    def make(self, items: list[Item]) -> list[Outcome]:
        """Makes tracks, in their order.

        Raises:
            SoundwrightError: a track cannot be made or written, and a failure ends the work.
        """
        with MusicProgress(sum(item.record.duration_s for item in items)) as self._progress:
            waiting = list(items)
            ready: list[Item] = []
            while waiting or ready:
                try:
                    if waiting:
                        group, waiting = self._next_tokens(waiting)
                        ready += group
                    if not waiting:
                        self._engine.release_decoder()
                    if not waiting or self._together:
                        while ready:
                            self._make_sound(ready.pop(0))
                except Stopped:
                    break
        return [item.outcome or Outcome(item.output, item.record, stopped=True) for item in items]

    def _next_tokens(self, waiting: list[Item]) -> tuple[list[Item], list[Item]]:
        """Tokens of the first items that wait: those that have them now, and those that still wait."""
        group, rest = waiting[: self._at_once], waiting[self._at_once :]
        try:
            for item in group:
                self._begin(item)
            self._tokens(group)
        except (SoundwrightError, OSError) as error:
            if isinstance(error, OSError) and self._engine.place.world_size > 1:
                raise  # the other processes know nothing of it
            self._keep(group)
            if len(group) > 1:  # one of them is bad: each by itself
                done: list[Item] = []
                for item in group:
                    left = [item]
                    while left:  # it may be tried once more
                        found, left = self._next_tokens(left)
                        done += found
                return done, rest
            self._fail(group[0], error)
            return [], rest
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            free(self._engine.device, error)
            self._keep(group)
            if len(group) > 1:
                self._at_once = len(group) // 2
                self._tell(f"memory ran out with {len(group)} tracks at once; going on with {self._at_once}")
                return [], waiting
            if group[0].tried:
                self._fail(group[0], no_room_for_tokens(self._plan, group[0].output))
                return [], rest
            group[0].tried = True
            self._engine.release_decoder()
            self._together = False
            self._tell("memory ran out; trying once more with nothing else in memory")
            return [], waiting
        self._progress.group_done(sum(item.record.duration_s for item in group))
        return group, rest

    def _begin(self, item: Item) -> None:
        """Leaves beside the output what a later run needs to go on with the track."""
        item.began = time.monotonic()
        if self._writes:
            if not item.resume:
                state_path(item.output).unlink(missing_ok=True)
            item.record.write(unfinished_path(item.output))
        item.begun = True

    def _keep(self, group: list[Item]) -> None:
        for item in group:
            item.resume = item.resume or item.begun

    def _tokens(self, group: list[Item]) -> None:
        from soundwright.musicgen.engine import Track
        from soundwright.musicgen.generation import Cancelled, SamplingSettings

        if self._beginning is not None and self._prompt is None:
            self._prompt = self._engine.prompt_tokens(self._beginning)
        tracks = [
            Track(
                item.record.prompt,
                item.record.negative_prompt,
                item.record.duration_s,
                item.record.seed,
                state_path(item.output),
                item.resume,
                self._prompt,
                self._melody,
            )
            for item in group
        ]
        seconds = sum(track.duration_s for track in tracks)
        try:
            codes = self._engine.tokens(
                tracks,
                SamplingSettings(**asdict(self._sampling)),
                progress=lambda heard: self._progress.heard(heard, seconds),
                cancelled=self._cancelled,
            )
        except Cancelled as error:
            raise Stopped from error
        for item, found in zip(group, codes, strict=True):
            item.codes = found

    def _make_sound(self, item: Item) -> None:
        if not self._writes:  # under torchrun the first process writes for all
            item.outcome = Outcome(item.output, None)
            return
        try:
            self._write(item)
        except (SoundwrightError, OSError) as error:
            self._fail(item, error)
            return
        item.outcome = Outcome(item.output, item.record, duration_s=time.monotonic() - item.began)

    def _write(self, item: Item) -> None:
        assert item.codes is not None
        record, codes = item.record, item.codes
        digest = hashlib.sha256(np.ascontiguousarray(codes, dtype="<i2").tobytes()).hexdigest()

        def tags(finished: Finished) -> Tags:
            record.engine = self._engine.describe()
            record.sound = {
                **finished.facts(),
                "sample_rate": self._engine.sample_rate,
                "channels": self._engine.channels,
                "num_frames": codes.shape[1],
                "num_codebooks": codes.shape[0],
                "sha256_tokens": digest,
                "sha256_settings": record.settings_digest(),
            }
            return record.tags()

        while True:
            try:
                finished = self._decode(item, codes, tags)
                break
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                free(self._engine.device, error)
                if self._chunk == 1:
                    raise no_room_for_sound(item.output) from error
                self._engine.release_decoder()
                self._together = False
                self._tell(f"memory ran out; decoding {self._chunk // 2} frames at a time instead of {self._chunk}")
                self._chunk //= 2
        for warning in finished.warnings:
            emit(Note(f"{item.output.name}: {warning}"))
        record.run = {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "duration_s": round(time.monotonic() - item.began, 1),
            "output": item.output.name,
            "file_sha256": file_digest(item.output),
            "memory_plan": self._plan.facts(),
            "at_once": self._at_once,
            "decode_chunk": self._chunk,
            "recovered": list(self._recovered),
            "warnings": list(finished.warnings),
        }
        record.write(record_path(item.output))
        for leftover in (state_path(item.output), unfinished_path(item.output)):
            leftover.unlink(missing_ok=True)

    def _decode(self, item: Item, codes: NDArray[np.int16], tags: Callable[[Finished], Tags]) -> Finished:
        from soundwright.musicgen.sound import SoundDecoder

        decoder = SoundDecoder(self._engine.codec, self._engine.channels)
        shape = Shape(codes.shape[1] * decoder.hop, self._engine.sample_rate, self._engine.channels)

        def pieces() -> Iterator[NDArray[np.float32]]:
            for piece in decoder.pieces(codes, chunk_frames=self._chunk):
                if self._cancelled():
                    raise Stopped
                yield piece

        return finish(item.output, pieces(), shape, self._finish, format=item.record.format, tags=tags)

    def _fail(self, item: Item, error: SoundwrightError | OSError) -> None:
        fault = as_fault(error, item.output)
        if self._writes:
            clear_unless_saved(item.output)
        if not self._goes_on:
            raise fault
        self._progress.failed(item.output.name, fault, 0.0 if item.codes is not None else item.record.duration_s)
        item.outcome = Outcome(item.output, item.record, error=fault)

    def _tell(self, text: str) -> None:
        self._recovered.append(text)
        emit(Note(text))
