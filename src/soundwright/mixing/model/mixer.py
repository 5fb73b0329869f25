"""The mixer: stems and words in, scores of calls and their values out.

    text -> BERT --.
    names -> BERT -+-> fusion -> [text, mix, stems] -> Mistral + LoRA -> <line> of a stem -> which tool, what value
    features ------|
    sound -> CLAP -'

The decoder reads the fused prefix, then one line per stem. A line begins with the stem's own fused vector, so the
decoder writes about what stands before it, for any number of stems under any names.

This is the network in PyTorch, for training and for models of others; `inference` is the same in NumPy for our own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from soundwright.mixing.familiarity import Familiarity
from soundwright.mixing.grammar import allowed
from soundwright.mixing.labels import TOOL_NAMES, VALUES
from soundwright.mixing.model.audio_encoder import AudioEncoder
from soundwright.mixing.model.contract import Inputs
from soundwright.mixing.model.decoder import Decoder
from soundwright.mixing.model.fusion import Fused, Fusion
from soundwright.mixing.model.settings import OWN, MixerSettings
from soundwright.mixing.model.text_encoder import TextEncoder
from soundwright.mixing.model.wordpiece import WordPiece
from soundwright.mixing.tokens import IGNORE, LINE, PAD, TokenSequence


@dataclass(frozen=True)
class Said:
    """What the decoder is trained on, padded, as tensors `[B, T]` of `TokenSequence`'s fields; pads are -100."""

    ids: Tensor
    stem: Tensor
    state: Tensor
    choice: Tensor
    column: Tensor
    value: Tensor

    @classmethod
    def of(cls, sequences: Sequence[TokenSequence]) -> Said:
        """Pads sequences at their ends."""
        length = max(len(s.ids) for s in sequences)
        fill = {"ids": PAD, "stem": 0, "state": 0, "choice": IGNORE, "column": IGNORE, "value": 0.0}
        tensors = {}
        for name, value in fill.items():
            rows = np.full((len(sequences), length), value, np.float32 if name == "value" else np.int64)
            for row, s in zip(rows, sequences, strict=True):
                row[: len(s.ids)] = getattr(s, name)
            tensors[name] = torch.from_numpy(rows)
        return cls(**tensors)

    def to(self, device: str | torch.device) -> Said:
        """On another device."""
        return Said(**{name: getattr(self, name).to(device) for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Outputs:
    """What the mixer says at each position of `Said`.

    Attributes:
        fused: what the fusion knows.
        scores: of `CHOICES`, minus infinity where the grammar forbids, `[B, T, choices]`.
        values: scaled values of all columns, `[B, T, values]`.
        spreads: their expected absolute errors, `[B, T, values]`.
    """

    fused: Fused
    scores: Tensor
    values: Tensor
    spreads: Tensor


@dataclass(frozen=True)
class Prefix:
    """What stands before the lines.

    Attributes:
        fused: what the fusion knows.
        vectors: `[B, L + 1 + S, hidden]` of the decoder.
        mask: `[B, L + 1 + S]`.
        lines: how the lines begin, `[B, S, hidden]` of the decoder.
    """

    fused: Fused
    vectors: Tensor
    mask: Tensor
    lines: Tensor


class ValueHead(nn.Module):
    """Numbers and how sure they are, from what the decoder has in mind and from the stem itself."""

    def __init__(self, decoder_dim: int, fused_dim: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(decoder_dim + fused_dim, 192), nn.GELU())
        self.outer = nn.Linear(192, 2 * len(VALUES))

    def forward(self, hidden: Tensor, stem: Tensor, hint: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states `[..., D]`, fused stems `[..., D']` and the fusion's own values to values and spreads."""
        value, spread = self.outer(self.inner(torch.cat([hidden, stem], dim=-1))).chunk(2, dim=-1)
        return value + hint, nn.functional.softplus(spread - 2) + 1e-3


class Mixer(nn.Module):
    """The whole network.

    Args:
        settings: its shape.
        tokenizer: of an own text encoder that was trained; by default that of today's prompts.
        dtype: of a decoder from the hub.
    """

    grammar: Tensor

    def __init__(
        self, settings: MixerSettings, tokenizer: WordPiece | None = None, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.settings = settings
        self.familiarity = Familiarity()  # with what it was trained on; by default everything is familiar
        self.text = TextEncoder(settings.text_model, settings.own_text, tokenizer)
        self.audio = None if settings.audio_model is None else AudioEncoder(settings.audio_model)
        audio_dim = 0 if self.audio is None else self.audio.hidden
        self.fusion = Fusion(
            self.text.hidden, audio_dim, settings.hidden, settings.layers, settings.heads, settings.dropout
        )
        self.decoder = Decoder(settings, dtype)
        self.to_decoder = nn.Sequential(
            nn.Linear(settings.hidden, self.decoder.hidden), nn.LayerNorm(self.decoder.hidden)
        )
        self.tell = nn.Linear(len(TOOL_NAMES) + len(VALUES) + 1, self.decoder.hidden)
        self.value_head = ValueHead(self.decoder.hidden, settings.hidden)
        self.register_buffer("grammar", torch.from_numpy(allowed(settings.tools)), persistent=False)

    def use(self, settings: MixerSettings) -> None:
        """Takes other tools, thresholds or LoRA settings; nothing that changes a shape."""
        self.settings = settings
        self.grammar = torch.from_numpy(allowed(settings.tools)).to(self.device)

    def is_base(self, name: str) -> bool:
        """Whether a tensor of this name came from the hub or a folder, and stays there."""
        return (
            (name.startswith("text.bert.") and self.settings.text_model != OWN)
            or name.startswith("audio.clap.")
            or (name.startswith("decoder.network.") and self.settings.decoder != OWN and ".lora_" not in name)
        )

    def full_state(self) -> dict[str, Tensor]:
        """All tensors, those of base models too."""
        return super().state_dict()

    def load_full(self, tensors: dict[str, Tensor]) -> None:
        """Fills in some tensors.

        Raises:
            RuntimeError: one is unknown or of another shape.
        """
        unknown = super().load_state_dict(tensors, strict=False).unexpected_keys
        if unknown:
            raise RuntimeError(f"unknown: {unknown[0]}")

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """All but base models: a checkpoint need not hold what can be loaded again."""
        state = super().state_dict(*args, **kwargs)
        return {name: tensor for name, tensor in state.items() if not self.is_base(name)}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Loads what `state_dict` gave; base models stay as they are."""
        result = super().load_state_dict(state_dict, strict=False, assign=assign)
        missing = [name for name in result.missing_keys if not self.is_base(name)]
        if strict and (missing or result.unexpected_keys):
            raise RuntimeError(f"other tensors than expected: {[*missing, *result.unexpected_keys][0]}")
        return result

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.grammar.device

    def prefix(self, inputs: Inputs) -> Prefix:
        """Encodes and fuses inputs."""
        device = self.device
        text, mask = self.text(inputs.prompts)
        # Each name once: a batch has a handful.
        known = sorted({name for names in inputs.names for name in names})
        vectors = self.text.means(known)
        places = torch.tensor([[known.index(name) for name in names] for names in inputs.names], device=device)
        audio = None if inputs.audio is None else torch.from_numpy(inputs.audio).to(device)
        fused = self.fusion(
            text.float(),
            mask,
            vectors.float()[places],
            torch.from_numpy(inputs.stem_features).to(device),
            torch.from_numpy(inputs.mix_features).to(device),
            audio,
        )
        both = torch.cat([fused.text, fused.mix[:, None], fused.stems], dim=1)
        projected = self.to_decoder(both) * self.decoder.scale  # [B, L + 1 + S, hidden]
        whole = torch.ones(projected.shape[:2], dtype=torch.bool, device=device)
        whole[:, : mask.shape[1]] = mask
        line = self.decoder.embed(torch.tensor(LINE, device=device))
        # A line begins with the stem, and with what the fusion thinks of it.
        touch = fused.touch[:, None, None].expand(-1, fused.presence.shape[1], -1)
        thought = torch.cat([torch.tanh(fused.presence / 4), fused.values, torch.tanh(touch / 4)], dim=-1)
        lines = projected[:, mask.shape[1] + 1 :] + self.tell(thought) * self.decoder.scale + line
        return Prefix(fused, projected, whole, lines)

    def forward(self, inputs: Inputs, said: Said) -> Outputs:
        """Scores every position of lines that are known, for training."""
        prefix = self.prefix(inputs)
        rows = torch.arange(len(said.ids), device=self.device)[:, None]
        is_line = (said.ids == LINE)[..., None]
        vectors = torch.where(is_line, prefix.lines[rows, said.stem], self.decoder.embed(said.ids))
        read = torch.cat([prefix.vectors, vectors.to(prefix.vectors.dtype)], dim=1)
        mask = torch.cat([prefix.mask, said.ids != PAD], dim=1)
        hidden = self.decoder(read, mask)[:, prefix.vectors.shape[1] :]  # [B, T, hidden]
        return Outputs(prefix.fused, *self.judge(prefix.fused, hidden, said.stem, said.state))

    def judge(self, fused: Fused, hidden: Tensor, stem: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores, values and spreads at hidden states `[B, T, hidden]` in the lines of stems `[B, T]`."""
        rows = torch.arange(len(hidden), device=hidden.device)[:, None]
        scores = self.decoder.choose(hidden).masked_fill(~self.grammar[state], float("-inf"))
        values, spreads = self.value_head(hidden, fused.stems[rows, stem], fused.values[rows, stem])
        return scores, values, spreads
