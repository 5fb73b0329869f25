"""The Python entry of document 001: a training on given files, with the document's names and order of arguments."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.lossless.lm.fitting import fit_files, only_training, remember
from soundwright.lossless.lm.log import LOG, training_log
from soundwright.lossless.lm.settings import Channels, Head, Schedule, Settings
from soundwright.runs.progress import console_progress


def train_audio_transformer(
    audio_files: Sequence[str | Path],
    use_16bit: bool = False,
    blocking_size: int = 1024,
    training_steps: int = 1000,
    log_every: int = 100,
    batch_size: int = 128,
    sequence_length: int = 2048,
    use_tqdm: bool = True,
    wandb_project: str | None = None,
    wandb_run_name: str | None = None,
    wandb_config: Mapping[str, Any] | None = None,
    *,
    valid_files: Sequence[str | Path] = (),
    learning_rate: float = 1e-4,
    embedding_dim: int = 64,
    num_layers: int = 4,
    num_heads: int = 8,
    widening_factor: int = 4,
    seed: int = 42,
    num_chunks: int = 488_281,
    channels: Channels = "mono",
    head: Head = "auto",
    schedule: Schedule = "constant",
    state_dir: str | Path | None = None,
    device: str = "auto",
) -> tuple[dict[str, NDArray[np.float32]], float]:
    """Trains a transformer on files: the document's Python entry, whose arguments come first and keep their names.

    Args:
        audio_files: WAV files that are trained on.
        use_16bit: 16-bit samples instead of 8-bit ones.
        blocking_size: `stereo_blocking_n` of `train`.
        training_steps: optimiser steps.
        log_every: steps between numbers.
        batch_size: chunks per step.
        sequence_length: `chunk_size` of `train`: bytes of PCM in a chunk.
        use_tqdm: show progress and numbers on stderr.
        wandb_project: project of Weights & Biases, if any.
        wandb_run_name: name of the run there.
        wandb_config: facts that are recorded there beside the settings.
        valid_files: held-out files; one that is trained on too is split in time.
        learning_rate: of Adam.
        embedding_dim: features of a position.
        num_layers: of the transformer.
        num_heads: of the transformer.
        widening_factor: of the transformer.
        seed: of initial weights and of the order of chunks.
        num_chunks: the most chunks to train on.
        channels: as in `train`.
        head: as in `train`.
        schedule: as in `train`.
        state_dir: folder from which the same call resumes; by default there is none.
        device: auto, cpu or cuda.

    Returns:
        The weights by name, and what they cost in bits per byte: on held-out samples where there are any, else on the
        last batch.

    Raises:
        UsageError: arguments that do not go together.
        KeyboardInterrupt: on Ctrl-C, after the state was saved.
    """
    settings = Settings(
        use_16bit=use_16bit,
        stereo_blocking_n=blocking_size,
        chunk_size=sequence_length,
        training_steps=training_steps,
        batch_size=batch_size,
        log_every=log_every,
        learning_rate=learning_rate,
        embedding_dim=embedding_dim,
        num_layers=num_layers,
        num_heads=num_heads,
        widening_factor=widening_factor,
        seed=seed,
        num_chunks=num_chunks,
        channels=channels,
        head=head,
        schedule=schedule,
    )
    settings.check()
    with ExitStack() as stack:
        state = Path(state_dir or stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(only_training(state))
        if use_tqdm:
            stack.enter_context(console_progress())
            stack.enter_context(training_log(None))
        for warning in settings.warnings():
            LOG.warning(warning)
        remember(state / "settings.json", settings.identity())
        wandb = None
        if wandb_project is not None:
            wandb = (wandb_project, wandb_run_name or settings.run_name(), dict(wandb_config or {}))
        outcome = fit_files(settings, audio_files, valid_files, state, wandb=wandb, device=device, tensorboard=False)
        if not outcome.done:
            raise KeyboardInterrupt
        return outcome.params, outcome.loss
