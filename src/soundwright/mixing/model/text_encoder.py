"""Words to vectors: a BERT, from the hub, from a folder, or a small one of ours with a vocabulary of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from soundwright.mixing.model.settings import OWN, OwnSizes
from soundwright.mixing.model.sources import load_base
from soundwright.mixing.model.wordpiece import MAX_TOKENS, SPECIAL, WordPiece
from soundwright.mixing.prompts import vocabulary

_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class TextEncoder(nn.Module):
    """Prompts to token vectors, and names of stems to one vector each.

    Args:
        source: hub name or folder, or `own`.
        sizes: of an own one.
        wordpiece: tokenizer of an own one; that of the words of today's prompts by default.

    Attributes:
        wordpiece: tokenizer of an own one; None where the source has its own tokenizer.
    """

    def __init__(self, source: str, sizes: OwnSizes, wordpiece: WordPiece | None = None) -> None:
        super().__init__()
        from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

        self.bert: Any
        self.wordpiece: WordPiece | None = None
        if source == OWN:
            self.wordpiece = new_wordpiece() if wordpiece is None else wordpiece
            config = BertConfig(
                vocab_size=len(self.wordpiece.pieces),
                hidden_size=sizes.hidden,
                num_hidden_layers=sizes.layers,
                num_attention_heads=sizes.heads,
                intermediate_size=sizes.inner,
                max_position_embeddings=MAX_TOKENS,
            )
            self.bert = BertModel(config, add_pooling_layer=False)
        else:
            self._tokenizer: Any = load_base("text encoder's tokenizer", source, AutoTokenizer.from_pretrained)
            self.bert = load_base("text encoder", source, AutoModel.from_pretrained)
        self.frozen = False
        if source != OWN:
            self.freeze()
        self.hidden = int(self.bert.config.hidden_size)

    def train(self, mode: bool = True) -> TextEncoder:
        """A frozen encoder stays in eval: its dropout must not come on."""
        super().train(mode)
        if self.frozen:
            self.bert.eval()
        return self

    def freeze(self) -> None:
        """Ends its training."""
        self.frozen = True
        self.bert.requires_grad_(False)
        self.bert.eval()

    def forward(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Texts to vectors `[B, L, hidden]` and a mask `[B, L]`; what is beyond 48 tokens is cut off.

        A prompt is a sentence or two; that it was cut is said where it was given (`suggest`).
        """
        device = next(self.bert.parameters()).device
        ids, mask = (x.to(device) for x in self._tokens(list(texts)))  # [B, L]
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            vectors = self.bert(input_ids=ids, attention_mask=mask.long())
        return vectors.last_hidden_state, mask

    def means(self, texts: Sequence[str]) -> Tensor:
        """Texts to one vector each, the mean over their tokens, `[B, hidden]`."""
        vectors, mask = self(texts)
        weight = mask[..., None].to(vectors.dtype)
        return (vectors * weight).sum(1) / weight.sum(1)  # type: ignore[no-any-return]

    def _tokens(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Ids `[B, L]`, and a mask `[B, L]` that is true where there is a token."""
        if self.wordpiece is not None:
            ids, mask = self.wordpiece(texts)
            return torch.from_numpy(ids), torch.from_numpy(mask)
        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        return tokens["input_ids"], tokens["attention_mask"].bool()


def new_wordpiece() -> WordPiece:
    """A tokenizer of the words of our prompts, with single characters for all others."""
    pieces = [*SPECIAL, "[MASK]", *_CHARACTERS, *(f"##{c}" for c in _CHARACTERS)]
    return WordPiece([*pieces, *(word for word in vocabulary() if word not in pieces)])
