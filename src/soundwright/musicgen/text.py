"""Prompts to states of the text encoder (T5), and what of a prompt does not fit."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from soundwright.musicgen.checkpoints import Checkpoint
from soundwright.musicgen.loading import load_text, load_tokenizer

#: T5 was trained on this many tokens; a tokenizer without a limit says a number of 30 digits.
MAX_TOKENS = 512


def cut_off(checkpoint: Checkpoint, prompt: str) -> str:
    """The end of a prompt that the model will not read; "" where all of it fits.

    Raises:
        BadInput: the tokenizer does not load.
    """
    tokenizer = _tokenizer(checkpoint)
    fits = _ids(checkpoint, prompt)
    whole = tokenizer(prompt, add_special_tokens=True, verbose=False)["input_ids"]  # the caller says it better
    if len(whole) <= len(fits):
        return ""
    return tokenizer.decode(whole[len(fits) - 1 : -1], skip_special_tokens=True).strip()  # type: ignore[no-any-return]


def encode(checkpoint: Checkpoint, prompts: list[str]) -> list[Tensor | None]:
    """States `[L, text_dim]` of each prompt, float32 on the CPU; None for an empty one, which conditions nothing.

    Each is encoded by itself, so that it depends on nothing else; the text encoder is loaded and let go.

    Raises:
        BadInput: tokenizer or text encoder do not load.
    """
    wanted = {prompt: _ids(checkpoint, prompt) for prompt in prompts if prompt.strip()}
    if not wanted:
        return [None for _ in prompts]
    encoder = load_text(checkpoint)
    with torch.inference_mode():
        states = {prompt: encoder(torch.tensor([ids])).last_hidden_state[0] for prompt, ids in wanted.items()}
    return [states.get(prompt) for prompt in prompts]


def _ids(checkpoint: Checkpoint, prompt: str) -> list[int]:
    tokenizer = _tokenizer(checkpoint)
    limit = min(tokenizer.model_max_length, MAX_TOKENS)
    return tokenizer(prompt, truncation=True, max_length=limit)["input_ids"]  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=2)
def _tokenizer(checkpoint: Checkpoint):  # type: ignore[no-untyped-def]  # transformers' classes are untyped
    return load_tokenizer(checkpoint)
