"""Words to vectors: a BERT, from the hub, from a folder, or a small one of ours with a vocabulary of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from soundwright.mixing.model.settings import OWN, OwnSizes
from soundwright.mixing.model.sources import load_base
from soundwright.mixing.prompts import vocabulary

MAX_TOKENS = 48
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class TextEncoder(nn.Module):
    """Prompts to token vectors, and names of stems to one vector each.

    Args:
        source: hub name or folder, or `own`.
        sizes: of an own one.
        folder: where an own one was saved; None builds it anew, with random weights.
    """

    def __init__(self, source: str, sizes: OwnSizes, folder: Path | None = None) -> None:
        super().__init__()
        from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

        self.bert: Any
        self.tokenizer: Any
        if source == OWN:
            self.tokenizer = own_tokenizer(None if folder is None else folder / "vocabulary.json")
            config = BertConfig(
                vocab_size=len(self.tokenizer),
                hidden_size=sizes.hidden,
                num_hidden_layers=sizes.layers,
                num_attention_heads=sizes.heads,
                intermediate_size=sizes.inner,
                max_position_embeddings=MAX_TOKENS,
            )
            self.bert = BertModel(config, add_pooling_layer=False)
        else:
            self.tokenizer = load_base("text encoder's tokenizer", source, AutoTokenizer.from_pretrained)
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
        tokens = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        ).to(device)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            vectors = self.bert(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
        return vectors.last_hidden_state, tokens["attention_mask"].bool()

    def means(self, texts: Sequence[str]) -> Tensor:
        """Texts to one vector each, the mean over their tokens, `[B, hidden]`."""
        vectors, mask = self(texts)
        weight = mask[..., None].to(vectors.dtype)
        return (vectors * weight).sum(1) / weight.sum(1)  # type: ignore[no-any-return]

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self.tokenizer(text)["input_ids"])


def own_tokenizer(path: Path | None = None) -> Any:
    """A lower-case WordPiece tokenizer of the words of our prompts, with single characters for all others.

    Args:
        path: a JSON list of its pieces; those of today's prompts by default.
    """
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import PreTrainedTokenizerFast

    if path is None:
        pieces = [*_SPECIAL, *_CHARACTERS, *(f"##{c}" for c in _CHARACTERS)]
        pieces += [word for word in vocabulary() if word not in pieces]
    else:
        pieces = json.loads(path.read_text(encoding="utf-8"))
    ids = {piece: place for place, piece in enumerate(pieces)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=40))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    make: Any = PreTrainedTokenizerFast
    return make(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")


def own_pieces(tokenizer: Any) -> list[str]:
    """The pieces of `own_tokenizer`, by id."""
    ids = tokenizer.get_vocab()
    return sorted(ids, key=ids.__getitem__)
