"""What `mix train` trains, by its config: the mixer, what makes examples, what is measured on validation segments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from soundwright.formats.instructions import Call
from soundwright.mixing.bands import LINEAR
from soundwright.mixing.bank import Passage
from soundwright.mixing.checkpoint import load_mixer
from soundwright.mixing.config import TrainConfig
from soundwright.mixing.dataset import read_dataset
from soundwright.mixing.distortion import Ranges
from soundwright.mixing.material import mate_of
from soundwright.mixing.model.mixer import Mixer
from soundwright.mixing.model.settings import OWN, LoraSettings, MixerSettings
from soundwright.mixing.presets import PRESETS
from soundwright.mixing.sampling import Batch, sample
from soundwright.mixing.sampling_sound import sample_sound
from soundwright.mixing.tools import TOOLS, inverse
from soundwright.mixing.training import groups_of, lesson_loss, make_lesson
from soundwright.runs.events import Note, emit

_BATCH, _EPOCH = 32, 10**6  # of validation: an epoch that no training has

#: Makes examples of places of passages, for an epoch.
Sampler = Callable[[Mixer, list[Passage], list[int], int], Batch]


def by_statistics(settings: TrainConfig) -> bool:
    """Whether examples need no sound: the tools are factors per frequency, and nothing listens."""
    drawn = [name for name, how in settings.augmentation.ranges().tools.items() if how.probability > 0]
    return all(name in LINEAR for name in drawn) and _shape(settings).audio_model is None


def sampler(settings: TrainConfig, dataset_file: Path) -> Sampler:
    """What makes the examples: statistics where they are enough, else sound."""
    ranges, seed = settings.augmentation.ranges(), settings.default.seed
    if by_statistics(settings):
        recolour = settings.augmentation.recolour

        def calculate(mixer: Mixer, passages: list[Passage], items: list[int], epoch: int) -> Batch:
            return sample(passages, items, seed=seed, epoch=epoch, ranges=ranges, recolour=recolour)

        return calculate
    if settings.augmentation.recolour:
        emit(Note("augmentation.recolour is not used: these tools or an audio encoder need sound"))
    emit(Note("examples are made of sound, which takes longer: these tools or an audio encoder need it"))
    dataset = read_dataset(dataset_file)
    mates = {segment.key: mate_of(segment, dataset.side(segment.split)).key for segment in dataset.segments}

    def draw(mixer: Mixer, passages: list[Passage], items: list[int], epoch: int) -> Batch:
        keys = [passages[item].name for item in items]
        others = [mates[key] for key in keys]
        return sample_sound(dataset, keys, others, seed=seed, epoch=epoch, ranges=ranges, encoder=mixer.audio)

    return draw


def build(settings: TrainConfig) -> Mixer:
    """The mixer that a config asks for, with LoRA on; what is to learn requires gradients."""
    shape = _shape(settings)
    assert shape.lora is not None
    if begins_from_tiny(settings):
        mixer, _ = load_mixer("tiny")
        mixer.decoder.adapt(shape.lora)
        mixer.use(mixer.settings.model_copy(update={"lora": shape.lora, "tools": shape.tools}))
        mixer.text.freeze()
        return mixer
    mixer = Mixer(shape)
    mixer.decoder.adapt(shape.lora)
    return mixer


def begins_from_tiny(settings: TrainConfig) -> bool:
    """Whether the training goes on from the shipped mixer, as its models are asked for."""
    shape = _shape(settings)
    return shape.decoder == shape.text_model == OWN and shape.audio_model is None


def _shape(settings: TrainConfig) -> MixerSettings:
    section = settings.mixer
    lora = LoraSettings(
        r=section.lora.r,
        alpha=section.lora.alpha,
        dropout=section.lora.dropout,
        targets=section.lora.target_modules,
    )
    named = {"decoder": section.mistral_model, "text_model": section.text_model, "audio_model": section.audio_model}
    other = {key: value for key, value in named.items() if value is not None}
    tools = label_tools(settings.augmentation.ranges())
    return PRESETS[section.preset].model_copy(update={**other, "lora": lora, "tools": tools})


def label_tools(ranges: Ranges) -> tuple[str, ...]:
    """The tools that mend what is drawn: a compressor's work is undone by an expander."""
    drawn = [name for name, how in ranges.tools.items() if how.probability > 0]
    mending = {undo.tool if (undo := inverse(Call(name))) is not None else name for name in drawn}
    return tuple(name for name in TOOLS if name in mending)


def validation_loss(mixer: Mixer, passages: list[Passage], make: Sampler, seed: int) -> dict[str, float]:
    """The loss on validation passages, always on the same distortions and prompts."""
    total = count = 0.0
    with torch.no_grad():
        for group in groups_of(passages):
            for start in range(0, len(group), _BATCH):
                items = group[start : start + _BATCH]
                lesson = make_lesson(make(mixer, passages, items, _EPOCH), np.random.default_rng(seed))
                loss, _ = lesson_loss(mixer(lesson.inputs, lesson.said), lesson, mixer.grammar)
                total, count = total + float(loss) * len(items), count + len(items)
    return {"loss": total / count}
