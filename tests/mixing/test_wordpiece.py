"""The tokenizer of an own text encoder: what the library `tokenizers` makes of the same vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from their_tokenizer import their_tokenizer

from soundwright.mixing.model.text_encoder import new_wordpiece
from soundwright.mixing.model.wordpiece import MAX_TOKENS, SPECIAL, WordPiece, normalise

WORDS = [
    *("the", "vocals", "are", "buried,", "more", "snare!", "drum-kit", "3.5", "don't"),
    *("Überton", "naïve", "Ωmega", "ΟΔΟΣ", "İstanbul", "ǅ", "ﬁx", "½dB"),
]
#: Accents as they are and apart, ideographs, emoji, controls, spaces of all kinds, punctuation, other scripts.
ODD = (
    "àéîõüçñßøłÅΩσςe\u0301o\u0308a\u030a\u0316混音器日本語한국어かな\U00020001\uf900\u2f81🎸🥁👩\u200d🎤\ufe0f"
    "\x00\x01\x07\x1c\x1f\x7f\x85\ufffd\u200b\u200d\u200e\ufeff\ue000\u00ad\t\n\r\x0b \xa0\u2003\u2028\u3000\u1680"
    "!?.,;:'\"()[]{}<>=+-*/\\|^~`@#$%&_«»„“”’—…¿¡、。「」·€£©°²ⅣⅫ①אבגדעהहिन्दीไทย"
)


def random_texts(count: int, seed: int = 0) -> list[str]:
    """Words, pieces and odd characters, from nothing to more than the encoder reads."""
    rng = np.random.default_rng(seed)
    pieces = [*WORDS, *new_wordpiece().pieces, *SPECIAL]
    found = []
    for _ in range(count):
        text = ""
        for _ in range(int(rng.integers(0, 14) if rng.random() < 0.9 else rng.integers(14, 90))):
            what = rng.random()
            if what < 0.45:
                text += f"{pieces[rng.integers(len(pieces))]} "
            elif what < 0.9:
                text += "".join(ODD[i] for i in rng.integers(len(ODD), size=int(rng.integers(1, 5))))
            else:
                text += WORDS[rng.integers(len(WORDS))].upper() * int(rng.integers(1, 9))
        found.append(text)
    return found


def test_it_is_the_tokenizer_of_the_library() -> None:
    ours, theirs = new_wordpiece(), their_tokenizer()
    for text in ["", " ", "a" * 40, "a" * 41, "a" * 400, "sub " * 60, *random_texts(2000)]:
        expected = theirs(text, truncation=True, max_length=MAX_TOKENS)["input_ids"]
        assert ours.encode(text) == expected, ascii(text)


def test_a_batch_is_padded_at_its_ends() -> None:
    ours, theirs = new_wordpiece(), their_tokenizer()
    some = ["the vocals", "", "drums " * 70]
    ids, mask = ours(some)
    expected = theirs(some, padding=True, truncation=True, max_length=MAX_TOKENS)
    np.testing.assert_array_equal(ids, expected["input_ids"])
    np.testing.assert_array_equal(mask, expected["attention_mask"])
    assert ids.shape == (3, MAX_TOKENS)


def test_the_longest_piece_is_matched_first() -> None:
    tokenizer = WordPiece([*SPECIAL, "b", "ba", "bass", "##s", "##ss", "##line", "-"])
    inside = [tokenizer.pieces[i] for i in tokenizer.encode("Bassline BASSS bax ba-b")]
    assert inside == ["[CLS]", "bass", "##line", "bass", "##s", "[UNK]", "ba", "-", "b", "[SEP]"]


def test_letters_lose_case_and_accents_one_by_one() -> None:
    assert normalise("Ünïcödé ΟΔΟΣ") == "unicode οδοσ"  # the last is no sigma of a word's end
    assert normalise("a\u200bb\tc混d") == "ab c 混 d"


@pytest.mark.parametrize(
    ("pieces", "why"),
    [([*SPECIAL, "a", "a"], "twice"), (["a", "b"], "missing"), ([*SPECIAL, 3], "no text")],
)
def test_a_vocabulary_that_is_none(pieces: list[Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        WordPiece(pieces)
