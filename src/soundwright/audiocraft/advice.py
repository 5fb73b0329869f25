"""What a user should know of a run before it begins: defaults of AudioCraft that surprise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from soundwright.audiocraft.proof import Before
from soundwright.audiocraft.signature import Plan
from soundwright.core.errors import SoundwrightError
from soundwright.formats.file_lists import DATA_JSONL, SoundFile, read_sound_files

#: Evaluation of more audio than this in every epoch is more than a debug run means to do.
_LONG_EVALUATION_S = 3600.0


def advice(plan: Plan, before: Before, clear: bool) -> Iterator[str]:
    """One line for each thing worth knowing, the experiment itself first."""
    settings = plan.settings
    rate, duration_s = settings["sample_rate"], settings["dataset.segment_duration"]
    yield (
        f"experiment {plan.sig}: {plan.num_epochs} epochs of {settings['optim.updates_per_epoch']} updates, "
        f"batches of {settings['dataset.batch_size']} x {duration_s} s at {rate} Hz on {settings['device']}"
    )
    if clear:
        yield "what it had so far is thrown away"
    elif before.was_finished:
        yield (
            "it is finished: dora shows it again and trains nothing -> for another training give --clear, "
            "a label=NAME, or other settings (workers and generate.every do not count)"
        )
    elif before.num_epochs:
        yield f"it goes on after epoch {before.num_epochs}"
    try:
        files = _training_files(settings["datasource.train"])
    except SoundwrightError as error:  # AudioCraft takes more forms than are written here: it has the last word
        yield f"the list of training files: {error}"
        files = []
    rates = {file.sample_rate for file in files}
    if rates and max(rates) > rate:
        yield f"the files have {max(rates)} Hz and are trained on at {rate} Hz -> give sample_rate={max(rates)}"
    ratio = settings["dataset.min_segment_ratio"]
    if duration_s and ratio is not None and ratio < 1 and any(file.duration_s <= duration_s for file in files):
        yield (
            f"files are as short as a segment ({duration_s} s): up to {1 - ratio:.0%} of a segment will be silence "
            "-> give dataset.min_segment_ratio=1.0"
        )
    for stage, what in (("valid", "validation"), ("evaluate", "evaluation")):
        listened_s = (settings[f"dataset.{stage}.num_samples"] or 0) * (duration_s or 0)
        if listened_s > _LONG_EVALUATION_S:
            hours = f"{listened_s / 3600:.1f} hours"
            yield f"every {what} listens to {hours} of audio -> give dataset.{stage}.num_samples=30"


def _training_files(source: str | None) -> list[SoundFile]:
    # AudioCraft also takes packed lists and other places: those are not looked into.
    path = Path(source or "") / DATA_JSONL
    return read_sound_files(path) if source and path.exists() else []
