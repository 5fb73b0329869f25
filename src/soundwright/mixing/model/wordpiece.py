"""Words to pieces of words: the tokenizer of an own text encoder, as BERT's uncased models have it.

Source: J. Devlin et al., "BERT" (2019); M. Schuster and K. Nakajima, "Japanese and Korean voice search" (2012) for the
greedy longest match. A text goes through four stages:

    "Röck-Drums!"  normalise -> "rock-drums!"  split -> rock - drums !  match -> ro ##ck - drums !  ids, [CLS] .. [SEP]
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: A prompt is a sentence or two; what is beyond is cut off.
MAX_TOKENS = 48
PAD, UNKNOWN, CLASSIFY, SEPARATE = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
SPECIAL = (PAD, UNKNOWN, CLASSIFY, SEPARATE)
_LONGEST_WORD = 40  # characters; a longer word is unknown
#: Chinese characters, which are words of their own.
_IDEOGRAPHS = (
    *((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F)),
    *((0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)),
)
#: White space of Unicode that is no control character.
_SPACES = frozenset("\t\n\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(code) for code in range(0x2000, 0x200B)}
_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_SPECIAL_IN_TEXT = re.compile("(" + "|".join(map(re.escape, SPECIAL)) + ")")


class WordPiece:
    """A lower-case WordPiece tokenizer.

    Args:
        pieces: its vocabulary by id; pieces inside a word begin with "##".

    Raises:
        ValueError: a piece appears twice or is no text, or one of `SPECIAL` is missing.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        if not all(isinstance(piece, str) for piece in pieces):
            raise ValueError("a piece is no text")
        self.pieces = tuple(pieces)
        self._ids = {piece: place for place, piece in enumerate(self.pieces)}
        if len(self._ids) != len(self.pieces):
            raise ValueError("a piece appears twice")
        if missing := [piece for piece in SPECIAL if piece not in self._ids]:
            raise ValueError(f"the piece {missing[0]} is missing")
        self._match = functools.lru_cache(maxsize=4096)(self._match_word)

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Texts to ids `[B, L]`, padded at their ends, and a mask `[B, L]` that is true where there is a piece."""
        rows = [self.encode(text) for text in texts]
        length = max(map(len, rows))
        ids = np.full((len(rows), length), self._ids[PAD], np.int64)  # [B, L]
        mask = np.zeros(ids.shape, bool)
        for place, row in enumerate(rows):
            ids[place, : len(row)], mask[place, : len(row)] = row, True
        return ids, mask

    def encode(self, text: str) -> list[int]:
        """A text as ids, from [CLS] to [SEP], at most `MAX_TOKENS` of them."""
        inside: list[int] = []
        # A special piece that stands in the text as it is means itself.
        for part in _SPECIAL_IN_TEXT.split(text):
            if part in SPECIAL:
                inside.append(self._ids[part])
            else:
                inside += (piece for word in _words(normalise(part)) for piece in self._match(word))
        return [self._ids[CLASSIFY], *inside[: MAX_TOKENS - 2], self._ids[SEPARATE]]

    def _match_word(self, word: str) -> tuple[int, ...]:
        """A word as the longest piece that it begins with, then of what is left, and so on; or as unknown."""
        unknown = (self._ids[UNKNOWN],)
        if len(word) > _LONGEST_WORD:
            return unknown
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self._ids.get(prefix + word[start:end])
                if piece is not None:
                    found.append(piece)
                    start = end
                    break
            else:
                return unknown
        return tuple(found)


def normalise(text: str) -> str:
    """Lower case without accents and control characters, with spaces around Chinese characters."""
    if text.isascii() and text.isprintable():
        return text.lower()
    kept = (" " if c in _SPACES else c for c in text if c in _SPACES or not _is_control(c))
    spaced = "".join(f" {c} " if _is_ideograph(c) else c for c in kept)
    plain = (c for c in unicodedata.normalize("NFD", spaced) if unicodedata.category(c) != "Mn")
    # Letter by letter: `str.lower` would turn a sigma at a word's end into another letter.
    return "".join(c.lower() for c in plain)


def _words(text: str) -> list[str]:
    """Splits at spaces; each punctuation mark is a word of its own."""
    spaced = "".join(f" {c} " if _is_punctuation(c) else " " if c in _SPACES else c for c in text)
    return [word for word in spaced.split(" ") if word]


def _is_control(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs")


def _is_ideograph(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _IDEOGRAPHS)


def _is_punctuation(character: str) -> bool:
    return character in _ASCII_PUNCTUATION or unicodedata.category(character).startswith("P")
