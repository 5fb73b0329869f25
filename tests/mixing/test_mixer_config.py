"""The YAML of `mix train`: every key is used or refused, in one line."""

from __future__ import annotations

import pytest

from soundwright.core.errors import UsageError
from soundwright.mixing.config import read_config
from soundwright.mixing.distortion import Ranges


def test_an_empty_file_is_all_defaults(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("")
    assert read_config(path).augmentation.ranges() == Ranges()


def test_operations_become_ranges(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "generators: {melody: facebook/musicgen-melody}\n"
        "augmentation:\n  untouched: 0.5\n  max_operations: 1\n  operations:\n"
        "    change_volume: {probability: 1, arguments: {db: {low: -6, high: 6}}}\n"
    )
    ranges = read_config(path).augmentation.ranges()
    assert ranges.untouched == 0.5
    assert list(ranges.tools) == ["change_volume"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("default: {num_epoch: 3}", "default.num_epoch"),
        ("default: {num_epochs: many}", "default.num_epochs"),
        ("default: {learning_rate: .nan}", "default.learning_rate"),
        ("augmentation: {operations: {change_volum: {probability: 1}}}", "change_volum"),
        ("augmentation: {max_operations: 7}", "most"),
        ("mixer: {lora: {r: 0}}", "mixer.lora.r"),
        ("- a", "the file"),
        ("a: [", "YAML"),
        ("other: 1", "other"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, text, told):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_config(path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UsageError, match="--config"):
        read_config(tmp_path / "none.yaml")
