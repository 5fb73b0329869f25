"""The YAML of `mix train`: every key is used or refused, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from soundwright.core.errors import BadInput, UsageError
from soundwright.mixing.config import Augmentation, TrainConfig, read_config
from soundwright.mixing.distortion import Ranges


def test_an_empty_file_is_all_defaults(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("")
    assert read_config(path).augmentation.ranges() == Ranges()
    assert read_config(path).augmentation.recolour == 0


def test_the_config_of_the_document_says_the_defaults():
    path = Path(__file__).parents[2] / "scripts/src/tuning/config/mixer_config.yaml"
    config = read_config(path)
    assert config.model_copy(update={"generators": {}}) == TrainConfig()
    written = yaml.safe_load(path.read_text())
    assert set(written["augmentation"]) == set(Augmentation.model_fields)


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
        ("default: {num_epoch: 3}", "default.num_epoch: there is no such key; did you mean num_epochs?"),
        ("default: {num_epochs: many}", "default.num_epochs: expected a whole number, found 'many'"),
        ("default: {num_epochs: 0}", "default.num_epochs: expected a number of at least 1, found 0"),
        ("default: {learning_rate: .nan}", "default.learning_rate: expected a finite number, found nan"),
        ("default: 3", "default: expected keys with values, found 3"),
        ("mixer: {preset: large}", "mixer.preset: expected 'tiny' or 'document', found 'large'"),
        ("augmentation: {untouched: 2}", "augmentation.untouched: expected a number of at most 1, found 2"),
        ("augmentation: {operations: {change_volum: {probability: 1}}}", "change_volum"),
        ("augmentation: {max_operations: 7}", "augmentation: expected"),
        ("mixer: {lora: {r: 0}}", "mixer.lora.r"),
        ("- a", "the file: expected keys with values, found a list"),
        ("a: [", "is no YAML: line 1, column 5"),
        ("other: 1", "other"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, text, told):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"c\.yaml: ") as caught:
        read_config(path)
    assert told in str(caught.value)
    assert str(caught.value).isprintable()
    assert not any(word in str(caught.value) for word in ("Input", "valid", "Value error", "Extra inputs"))


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UsageError, match="--config"):
        read_config(tmp_path / "none.yaml")
