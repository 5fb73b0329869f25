"""The YAML of `mix train`: sections default, data, mixer, generators, augmentation. Every key is used, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.complaints import complaint
from soundwright.mixing.distortion import Ranges, ToolRanges


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Default(_Section):
    """General settings of the training.

    Attributes:
        num_epochs: rounds through the segments.
        batch_size: examples at once.
        gradient_accumulation_steps: batches per optimiser step.
        learning_rate: at its peak.
        warmup_ratio: part of the steps in which it rises.
        weight_decay: of matrices.
        max_grad_norm: the most that the gradient norm may be.
        fp16: half precision where the device has it.
        logging_steps: steps between lines of numbers.
        save_steps: steps between checkpoints.
        seed: of everything random.
        models_dir: the mixer goes to finetuned/mixer in it.
    """

    num_epochs: int = Field(default=5, ge=1)
    batch_size: int = Field(default=16, ge=1)
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0, allow_inf_nan=False)
    warmup_ratio: float = Field(default=0.15, gt=0, lt=1)
    weight_decay: float = Field(default=0.02, ge=0, allow_inf_nan=False)
    max_grad_norm: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    fp16: bool = False
    logging_steps: int = Field(default=10, ge=1)
    save_steps: int = Field(default=200, ge=1)
    seed: int = Field(default=42, ge=0)
    models_dir: Path = Path("models")


class Data(_Section):
    """What is trained on.

    Attributes:
        segment_duration: seconds.
        sample_rate: Hz.
        validation_split: part of the songs.
        max_train_samples: at most so many segments; all without it.
    """

    segment_duration: float = Field(default=4.0, gt=0)
    sample_rate: int = Field(default=44_100, gt=0)
    validation_split: float = Field(default=0.1, ge=0, lt=1)
    max_train_samples: int | None = Field(default=None, ge=1)


class Lora(_Section):
    """How the decoder is adapted.

    Attributes:
        r: rank.
        alpha: scale.
        dropout: in training.
        target_modules: names of linear layers; lm_head is not in use, and left out.
    """

    r: int = Field(default=8, ge=1)
    alpha: int = Field(default=16, ge=1)
    dropout: float = Field(default=0.07, ge=0, lt=1)
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class MixerSection(_Section):
    """The model.

    Attributes:
        preset: `tiny` goes on from the shipped mixer; `document` begins with the models of document 004.
        mistral_model: in place of the preset's decoder, a hub name or a folder.
        text_model: likewise.
        audio_model: likewise.
        lora: of the decoder.
    """

    preset: Literal["tiny", "document"] = "tiny"
    mistral_model: str | None = None
    text_model: str | None = None
    audio_model: str | None = None
    lora: Lora = Lora()


class Augmentation(_Section):
    """How good mixes are made worse.

    Attributes:
        untouched: part of the examples that stay as they are.
        min_operations: per stem.
        max_operations: per stem.
        recolour: part of the examples with a reference whose stems are made to sound like other instruments.
        operations: by tool; volume, pan and EQ by default.
    """

    untouched: float = Field(default=0.25, ge=0, le=1)
    min_operations: int = Field(default=0, ge=0)
    max_operations: int = Field(default=2, ge=1)
    recolour: float = Field(default=0.0, ge=0, le=1)
    operations: dict[str, ToolRanges] = Ranges().tools

    def ranges(self) -> Ranges:
        """As the distorter takes them."""
        return Ranges(
            untouched=self.untouched, fewest=self.min_operations, most=self.max_operations, tools=self.operations
        )


class TrainConfig(_Section):
    """The whole file; what is left out has its default.

    Attributes:
        default: general settings.
        data: what is trained on.
        mixer: the model.
        generators: accepted, and not used by training.
        augmentation: how good mixes are made worse.
    """

    default: Default = Default()
    data: Data = Data()
    mixer: MixerSection = MixerSection()
    generators: dict[str, Any] = {}
    augmentation: Augmentation = Augmentation()


_REMEDY = "see mixer_config.yaml, which says all keys"


def read_config(path: Path) -> TrainConfig:
    """Reads the YAML.

    Raises:
        UsageError: it is missing.
        BadInput: it is no YAML, or has a key or value that it cannot have.
    """
    config: TrainConfig | None = None
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        config = TrainConfig.model_validate({} if content is None else content)
        config.augmentation.ranges()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path, remedy="give --config") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"is no YAML{_where(error)}", path=path, remedy=_REMEDY) from error
    except ValidationError as error:
        whole = "the file" if config is None else "augmentation"
        raise BadInput(complaint(error, TrainConfig, whole), path=path, remedy=_REMEDY) from error
    return config


def _where(error: Exception) -> str:
    """Where a file stops being YAML, and why."""
    if isinstance(error, UnicodeDecodeError):
        return f": byte {error.start} is no UTF-8"
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return ": nested too deep" if isinstance(error, RecursionError) else ""
    return f": line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', None) or 'not understood'}"
