"""From prompts to tokens on one device: what loads a checkpoint's parts when they are needed, and lets them go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundwright.core.errors import UsageError
from soundwright.musicgen import fsdp as sharding
from soundwright.musicgen import text
from soundwright.musicgen.checkpoints import Checkpoint
from soundwright.musicgen.decoder import Decoder
from soundwright.musicgen.decoder_config import DecoderConfig
from soundwright.musicgen.generation import Condition, Progress, SamplingSettings, generate_tokens, saved_state
from soundwright.musicgen.loading import load_codec, load_decoder
from soundwright.musicgen.melody import ChromaSettings, Melody
from soundwright.musicgen.model_shapes import ModelShape
from soundwright.musicgen.precision import ARITHMETIC, resolve
from soundwright.musicgen.prompt_encoder import PromptEncoder
from soundwright.musicgen.windows import frames_from_seconds, plan_windows

if TYPE_CHECKING:
    from transformers import EncodecModel

#: What MusicGen was trained on, in seconds.
WINDOW_S = 30.0


@dataclass
class Track:
    """One piece of music that is wanted.

    Args:
        prompt: what it is to sound like; "" for no prompt.
        negative_prompt: what guidance goes away from; "" for none.
        duration_s: seconds, a given beginning included.
        seed: of its noise.
        state: file for the tokens so far, written after every window; None for none.
        resume: go on from `state` where it exists.
        prompt_tokens: int16 `[K, T]` that the track begins with (`Engine.prompt_tokens`), or None.
        melody: float32 `[N]` or `[C, N]` at the engine's sample rate, or None.
    """

    prompt: str
    negative_prompt: str = ""
    duration_s: float = 30.0
    seed: int = 0
    state: Path | None = None
    resume: bool = False
    prompt_tokens: NDArray[np.int16] | None = None
    melody: NDArray[np.float32] | None = None


class Engine:
    """A checkpoint at work on a device.

    Text encoder, decoder and codec are loaded when they are first needed, each without the others.

    Args:
        checkpoint: from `checkpoints.find`.
        device: a torch device, e.g. `cpu` or `cuda`.
        dtype: `auto`, `float32`, `float16`, `bfloat16` or `int8`; see `precision.resolve`.
        fsdp: shard the decoder over the processes that torchrun started.

    Raises:
        UsageError: the device does not have this arithmetic.
        BadInput: a config of the checkpoint is damaged.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str,
        dtype: str = "auto",
        fsdp: bool = False,
    ) -> None:
        self.checkpoint, self.fsdp = checkpoint, fsdp
        self.precision = resolve(dtype, device, fsdp=fsdp)
        self._exit = ExitStack()
        self.place = self._exit.enter_context(sharding.joined(device)) if fsdp else sharding.ALONE
        self.device = sharding.device_of(device, self.place) if fsdp else device
        self._shape = ModelShape.from_config(checkpoint.config)
        self.sample_rate, self.frame_rate = self._shape.sample_rate, self._shape.frame_rate
        decoder = DecoderConfig.from_dict(checkpoint.config["decoder"])
        self.channels, self.num_codebooks = decoder.audio_channels, decoder.num_codebooks
        self.window_frames = frames_from_seconds(WINDOW_S, self.frame_rate)
        self._chroma = ChromaSettings.of(checkpoint) if checkpoint.takes_melody else ChromaSettings()
        self._decoder: Decoder | None = None
        self._codec: EncodecModel | None = None
        self._states: dict[str, Tensor | None] = {}

    def describe(self) -> dict[str, Any]:
        """What decides about the numbers, for a record: tokens are promised to repeat where all of it is the same."""
        return {
            "device": self.device,
            "device_name": torch.cuda.get_device_name(self.device) if self.device.startswith("cuda") else "CPU",
            "precision": self.precision,
            "arithmetic": ARITHMETIC[self.precision],
            "threads": torch.get_num_threads(),
            "processes": self.place.world_size,
            "torch": torch.__version__,
        }

    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that the text encoder will not read; "" where all of it fits."""
        return text.cut_off(self.checkpoint, prompt)

    def prompt_tokens(self, samples: NDArray[np.float32]) -> NDArray[np.int16]:
        """Tokens int16 `[K, T]` of sound float32 `[C, N]` at the model's sample rate, for a track to begin with.

        A mono recording is heard on both sides by a stereo model, a stereo one is mixed down for a mono model. Samples
        beyond the last whole frame are left out: that frame would end in silence.

        It is encoded in pieces, one channel at a time: memory does not grow with its length.

        Raises:
            UsageError: it is shorter than one frame.
            BadInput: the codec does not load, or makes no finite numbers of it.
        """
        hop = self._shape.hop
        whole = samples.shape[1] // hop * hop
        if not whole:
            raise UsageError(f"what is to be continued has {samples.shape[1]} samples, less than one frame ({hop})")
        sides = samples.mean(axis=0, keepdims=True) if self.channels == 1 else samples[: self.channels]
        encoder = PromptEncoder(self.codec)
        codes = [encoder.codes(side[:whole]) for side in sides]  # at most C of [K / C, T]
        codes += [codes[0]] * (self.channels - len(codes))
        return np.stack(codes, axis=1).reshape(-1, codes[0].shape[1])  # [K, T]: L0 R0 L1 R1 ...

    def tokens(
        self,
        tracks: list[Track],
        sampling: SamplingSettings,
        *,
        progress: Callable[[Progress], None] = lambda progress: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[NDArray[np.int16]]:
        """Samples the tokens int16 `[K, T]` of tracks; each is what it would be alone.

        Args:
            tracks: what is wanted.
            sampling: how codes are drawn.
            progress: told after every column.
            cancelled: asked before every column.

        Raises:
            Cancelled: `cancelled` said so; states keep all whole windows.
            UsageError: a duration, a melody, a given beginning or a saved state does not go with the rest.
            BadInput: weights or a saved state are damaged; the decoder's numbers are not finite.
        """
        conditions = self._conditions(tracks, sampling)
        for condition in conditions:
            # Before the decoder is loaded: a state that is refused is told at once.
            saved_state(condition, self.num_codebooks)
        if self._decoder is None:
            self._codec = None  # both at once are not needed
            if self.fsdp:
                self._decoder = sharding.load_sharded(self.checkpoint, self.precision, self.device)
            else:
                self._decoder = load_decoder(self.checkpoint, self.precision, self.device)
        return generate_tokens(
            self._decoder,
            conditions,
            sampling,
            frame_rate=self.frame_rate,
            window_frames=self.window_frames,
            on_frame=progress,
            cancelled=sharding.agreed(cancelled, self.place, self.device),
            saves=self.place.rank == 0,
        )

    def release_decoder(self) -> None:
        """Frees the decoder's weights, before sound is made of the tokens."""
        self._decoder = None
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()

    def close(self) -> None:
        """Frees everything and leaves the process group."""
        self.release_decoder()
        self._codec = None
        self._exit.close()

    @property
    def codec(self) -> EncodecModel:
        """The EnCodec on the engine's device, float32; loaded when it is first asked for."""
        if self._codec is None:
            self._codec = load_codec(self.checkpoint, self.device)
        return self._codec

    def _conditions(self, tracks: list[Track], sampling: SamplingSettings) -> list[Condition]:
        stride = round(sampling.extend_stride * self.frame_rate)
        for track in tracks:
            if track.melody is not None and not self.checkpoint.takes_melody:
                raise UsageError(f"{self.checkpoint.name} takes no melody", remedy="use --model melody")
            given = 0 if track.prompt_tokens is None else track.prompt_tokens.shape[1]
            # Before anything is loaded: a duration that cannot be is told at once.
            plan_windows(frames_from_seconds(track.duration_s, self.frame_rate), self.window_frames, stride, given)
        prompts = {prompt for track in tracks for prompt in (track.prompt, track.negative_prompt)}
        new = sorted(prompts - set(self._states))
        self._states |= dict(zip(new, text.encode(self.checkpoint, new), strict=True))
        return [
            Condition(
                text=self._states[track.prompt],
                negative=self._states[track.negative_prompt],
                frames=frames_from_seconds(track.duration_s, self.frame_rate),
                seed=track.seed,
                prompt_codes=track.prompt_tokens,
                melody=None if track.melody is None else Melody(track.melody, self._chroma),
                state=track.state,
                settings=self._settings_digest(track, sampling) if track.state is not None else "",
                resume=track.resume,
            )
            for track in tracks
        ]

    def _settings_digest(self, track: Track, sampling: SamplingSettings) -> str:
        """Of everything that decides about a track's tokens, but its length: a longer track begins in the same way."""
        described = {
            "checkpoint": self.checkpoint.digest(),
            "precision": self.precision,
            "device": self.device.partition(":")[0],
            "prompt": track.prompt,
            "negative_prompt": track.negative_prompt,
            "seed": track.seed,
            "sampling": asdict(sampling),
            "window_frames": self.window_frames,
            "prompt_tokens": _digest(track.prompt_tokens),
            "melody": _digest(track.melody),
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _digest(array: NDArray[Any] | None) -> str:
    if array is None:
        return ""
    return hashlib.sha256(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes()).hexdigest()
