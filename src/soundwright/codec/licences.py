"""Licences of the built-in codecs' weights; readable without loading a codec."""

from __future__ import annotations

ENCODEC = (
    "code MIT (facebookresearch/encodec, since April 2023); none is stated for the weights "
    "(facebookresearch/encodec issue 69)"
)
_LICENCES = {
    "encodec_24khz": ENCODEC,
    "pocket": "Apache-2.0 for the released revisions; for others as given by whoever trained them",
}


def licence_of(codec: str) -> str:
    """The licence of the weights of a codec, by the name that token files carry."""
    return _LICENCES.get(codec, "as given by whoever made the codec")
