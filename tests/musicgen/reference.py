"""What `transformers` makes of the same folder: greedy tokens with guidance, and logits over known columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, MusicgenForConditionalGeneration, MusicgenMelodyForConditionalGeneration
from transformers.utils import logging

CFG_COEF = 3.0


class Reference:
    """The model of a folder, in float32."""

    def __init__(self, folder: Path, *, melody: bool = False) -> None:
        verbosity = logging.get_verbosity()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        kind = MusicgenMelodyForConditionalGeneration if melody else MusicgenForConditionalGeneration
        self.model = kind.from_pretrained(folder).eval()
        logging.set_verbosity(verbosity)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.channels = self.model.config.decoder.audio_channels
        self.late = self.model.config.decoder.num_codebooks // self.channels - 1

    @torch.inference_mode()
    def greedy(
        self,
        prompts: list[str],
        num_frames: int,
        *,
        audio: NDArray[np.float32] | None = None,
        chroma: NDArray[np.float32] | None = None,
    ) -> list[NDArray[np.int64]]:
        """The likeliest tokens `[K, num_frames]` of each prompt, beginning with those of `audio` `[B, C, N]`."""
        decoded: list[torch.Tensor] = []
        decode = self.model.audio_encoder.decode

        def record(codes: torch.Tensor, *rest: object, **named: object) -> object:
            decoded.append(codes[0])  # [B, K / C, T]
            return decode(codes, *rest, **named)

        self.model.audio_encoder.decode = record
        inputs = dict(self.tokenizer(prompts, padding=True, return_tensors="pt"))
        known = 0
        if audio is not None:
            known = audio.shape[-1] // 640
            inputs["input_values"] = torch.from_numpy(audio)
        if chroma is not None:
            inputs["input_features"] = torch.from_numpy(chroma)
        try:
            self.model.generate(
                **inputs, do_sample=False, guidance_scale=CFG_COEF, max_new_tokens=num_frames + self.late - known
            )
        finally:
            del self.model.audio_encoder.decode
        if len(decoded) > 1 and decoded[0].shape[1] != (self.late + 1) * self.channels:
            both = torch.stack(decoded, dim=2).flatten(1, 2)  # left, right -> [B, K, T]
        else:
            both = torch.cat(decoded)
        return list(both.numpy())

    @torch.inference_mode()
    def states(self, prompt: str) -> torch.Tensor:
        """Text encoder states `[L, D]`."""
        ids = self.tokenizer([prompt], return_tensors="pt")
        return self.model.text_encoder(**ids).last_hidden_state[0]

    @torch.inference_mode()
    def logits(self, prompt: str, columns: torch.Tensor) -> torch.Tensor:
        """Logits `[2, K, T, V]` with and without the prompt over columns `[K, T]`."""
        states = self.states(prompt)[None]
        mask = torch.ones(1, states.shape[1], dtype=torch.long)
        found = []
        for present in (1, 0):
            projected = self.model.enc_to_dec_proj(states) * present
            out = self.model.decoder(columns, encoder_hidden_states=projected, encoder_attention_mask=mask * present)
            found.append(out.logits.view(columns.shape[0], columns.shape[1], -1))
        return torch.stack(found)
