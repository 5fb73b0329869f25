"""The faults that an audit knows, each with its name."""

from __future__ import annotations

from dataclasses import dataclass

#: Every kind of issue, and what it means.
KINDS = {
    "bad_ecdc": "the token file cannot be read",
    "mixed_codebooks": "the token file has another codec or number of codebooks than most",
    "missing_sidecar": "a token file has no sidecar",
    "missing_json": "the .npy file has no .json file beside it",
    "bad_sidecar": "a file of the sidecar cannot be read",
    "bad_shape": "the values are not floats [T, D]",
    "frame_mismatch": "the sidecar and its tokens have different numbers of frames",
    "stale_sidecar": "the tokens have changed since the sidecar was made, or the sidecar is half replaced",
    "dtype_mismatch": "the values have another type than expected",
    "fps_mismatch": "the sidecar has another frame rate than expected",
    "missing_names": "there are columns, and no names for them",
    "duplicate_names": "a column name is there twice",
    "names_length_mismatch": "there are not as many names as columns",
    "missing_features": "a required column, or one that the other clips have, is not there",
    "schema_mismatch": "the columns, or their order, are not those of the tree",
    "nan_or_inf": "a value is NaN or infinite",
    "norm_invalid": "the clip's statistics are no finite numbers",
    "norm_length_mismatch": "there are not as many statistics as columns",
    "norm_inverted": "a minimum is above its maximum",
    "range_below_min": "a value lies below the range of its parameter",
    "range_above_max": "a value lies above the range of its parameter",
    "not_a_class": "a value of a class parameter is no whole number from 0",
    "range_unverifiable": "no range is declared for a parameter",
    "orphan_sidecar": "a sidecar has no token file",
}

#: What does not make the exit code 1 unless asked for: it stops no later step.
HARMLESS = ("orphan_sidecar", "range_unverifiable")


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong.

    Attributes:
        kind: one of `KINDS`.
        detail: what was expected and what was found.
    """

    kind: str
    detail: str
