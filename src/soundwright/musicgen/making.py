"""Makes tracks: tokens side by side, window by window; then their sound, piece by piece; then file and record.

Where memory runs out, what was computed is let go, half as much is tried at a time, and the work goes on from the last
saved window: the music is the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.tags import Tags
from soundwright.core.errors import BadInput, SoundwrightError
from soundwright.musicgen.finishing import Finished, FinishOptions, Shape, finish
from soundwright.musicgen.options import MachineOptions, SamplingOptions
from soundwright.musicgen.out_of_memory import free, is_out_of_memory
from soundwright.musicgen.outcome import Outcome
from soundwright.musicgen.outputs import file_digest, unfinished_path
from soundwright.musicgen.plan import Plan
from soundwright.musicgen.progress import MusicProgress
from soundwright.musicgen.record import Record, record_path, state_path
from soundwright.runs.events import ItemFailed, Note, emit

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
    """

    output: Path
    record: Record
    resume: bool = False
    codes: NDArray[np.int16] | None = None
    began: float = field(default_factory=time.monotonic)


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
        self._prompt = None if beginning is None else engine.prompt_tokens(beginning)
        # Loading the decoder again for every group would take longer than some tracks.
        self._together = budget is not None and plan.peak_together <= budget
        self._writes = engine.place.rank == 0
        self._recovered: list[str] = []

    def make(self, items: list[Item]) -> list[Outcome]:
        """Makes tracks, in their order.

        Raises:
            SoundwrightError: a track cannot be made, and a failure ends the work.
            OSError: the disk is full, or cannot be written.
        """
        outcomes: dict[int, Outcome] = {}
        with MusicProgress(sum(item.record.duration_s for item in items)) as progress:
            waiting = list(items)
            ready: list[Item] = []
            while waiting or ready:
                try:
                    if waiting:
                        group, waiting = self._next_tokens(waiting, progress, outcomes)
                        ready += group
                    if not waiting:
                        self._engine.release_decoder()
                    if not waiting or self._together:
                        while ready:
                            self._make_sound(ready.pop(0), outcomes)
                except Stopped:
                    break
        return [outcomes.get(id(item)) or Outcome(item.output, item.record, stopped=True) for item in items]

    def _next_tokens(
        self, waiting: list[Item], progress: MusicProgress, outcomes: dict[int, Outcome]
    ) -> tuple[list[Item], list[Item]]:
        """Tokens of the first items that wait: those that have them now, and those that still wait."""
        group, rest = waiting[: self._at_once], waiting[self._at_once :]
        for item in group:
            item.began = time.monotonic()
            if self._writes:
                if not item.resume:
                    state_path(item.output).unlink(missing_ok=True)
                item.record.write(unfinished_path(item.output))
        try:
            self._tokens(group, progress)
        except SoundwrightError as error:
            if len(group) > 1:  # one of them is bad: each by itself
                done: list[Item] = []
                for item in group:
                    item.resume = True
                    found, _ = self._next_tokens([item], progress, outcomes)
                    done += found
                return done, rest
            self._fail(group[0], error, outcomes)
            return [], rest
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._free(error)
            if len(group) == 1:
                return self._too_large(group[0], outcomes), rest
            self._at_once = max(1, len(group) // 2)
            self._tell(f"memory ran out with {len(group)} tracks at once; going on with {self._at_once}")
            for item in group:
                item.resume = True
            return [], waiting
        progress.group_done(sum(item.record.duration_s for item in group))
        return group, rest

    def _tokens(self, group: list[Item], progress: MusicProgress) -> None:
        from soundwright.musicgen.engine import Track
        from soundwright.musicgen.generation import Cancelled, SamplingSettings

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
        chosen = self._sampling
        settings = SamplingSettings(
            chosen.temperature, chosen.top_k, chosen.top_p, chosen.cfg_coef, chosen.extend_stride
        )
        seconds = sum(track.duration_s for track in tracks)
        try:
            codes = self._engine.tokens(
                tracks, settings, progress=lambda p: progress.heard(p, seconds), cancelled=self._cancelled
            )
        except Cancelled as error:
            raise Stopped from error
        for item, found in zip(group, codes, strict=True):
            item.codes = found

    def _make_sound(self, item: Item, outcomes: dict[int, Outcome]) -> None:
        if not self._writes:  # under torchrun the first process writes for all
            outcomes[id(item)] = Outcome(item.output, None)
            return
        try:
            self._write(item)
        except SoundwrightError as error:
            self._fail(item, error, outcomes)
            return
        outcomes[id(item)] = Outcome(item.output, item.record, duration_s=time.monotonic() - item.began)

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
            }
            return record.tags()

        while True:
            try:
                finished = self._decode(item, codes, tags)
                break
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._free(error)
                if self._chunk == 1:
                    raise self._no_memory(item) from error
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

    def _too_large(self, item: Item, outcomes: dict[int, Outcome]) -> list[Item]:
        self._fail(item, self._no_memory(item), outcomes)
        return []

    def _no_memory(self, item: Item) -> BadInput:
        from soundwright.musicgen.plan import flags, nearest_fit

        smaller = nearest_fit(self._plan, self._plan.peak - 1)
        remedy = f"try {flags(self._plan, smaller)}" if smaller else "use a machine with more memory"
        return BadInput("memory ran out; whole windows are saved", path=item.output, remedy=f"{remedy} --resume")

    def _fail(self, item: Item, error: SoundwrightError, outcomes: dict[int, Outcome]) -> None:
        if not self._goes_on:
            raise error
        emit(ItemFailed(item.output.name, error))
        outcomes[id(item)] = Outcome(item.output, item.record, error=error)

    def _free(self, error: BaseException) -> None:
        # The frames of the error hold the tensors that filled the memory.
        with contextlib.suppress(AttributeError):
            error.__traceback__ = None
            error.__context__ = None
        free(self._engine.device)

    def _tell(self, text: str) -> None:
        self._recovered.append(text)
        emit(Note(text))
