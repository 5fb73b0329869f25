"""Our tokenizer as the library `tokenizers` has it: to compare with, and as that of a BERT of somebody else."""

from __future__ import annotations

from typing import Any


def their_tokenizer() -> Any:
    """A tokenizer of transformers with the pieces of `new_wordpiece`."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import PreTrainedTokenizerFast

    from soundwright.mixing.model.text_encoder import new_wordpiece

    ids = {piece: place for place, piece in enumerate(new_wordpiece().pieces)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=40))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    special: Any = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
