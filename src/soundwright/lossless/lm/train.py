"""`soundwright lm train`: trains a transformer on the samples of WAV files (document 001)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from soundwright.core.errors import UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.core.threads import takes_threads
from soundwright.lossless.lm import data_paths
from soundwright.lossless.lm.entry import train_audio_transformer
from soundwright.lossless.lm.fitting import (
    FINAL,
    check_recordings,
    clear,
    fit_files,
    machine_for,
    only_training,
    remember,
)
from soundwright.lossless.lm.log import LOG, training_log
from soundwright.lossless.lm.settings import Channels, Head, Schedule, Settings
from soundwright.runs import atomic
from soundwright.runs.summary import INTERRUPTED

__all__ = ["TrainedModel", "train", "train_audio_transformer"]  # the document calls both by this module's name


@dataclass(frozen=True)
class TrainedModel:
    """What a training came to.

    Attributes:
        path: the weights file.
        steps: optimiser steps done.
        done: whether it reached its end; otherwise it was interrupted, and no weights are written yet.
        before: whether it had been done before, and nothing was to do.
        bits_per_sample: what held-out samples cost with these weights; None where nothing is held out.
        control: what they cost with fixed linear predictors.
        sample_bits: what they cost as they are.
    """

    path: Path
    steps: int
    done: bool
    before: bool = False
    bits_per_sample: float | None = None
    control: float | None = None
    sample_bits: int = 8

    @property
    def exit_code(self) -> int:
        """0, or 130 for an interrupted training."""
        return 0 if self.done else INTERRUPTED

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        if not self.done:
            yield f"lm train: interrupted after step {self.steps} [the same command goes on from here]"
            return
        already = " were done before, there is nothing to do" if self.before else ""
        yield f"lm train: {self.steps} steps{already} -> {show_path(self.path)}"
        if self.bits_per_sample is not None:
            share = 100 * self.bits_per_sample / self.sample_bits
            told = f"held out: {self.bits_per_sample:.3f} of {self.sample_bits} bits per sample ({share:.1f} %)"
            yield told + ("" if self.control is None else f"; fixed linear predictors: {self.control:.3f}")


@takes_threads
def train(
    *,
    audio_dir: Path,
    use_16bit: bool = False,
    stereo_blocking_n: int = 1024,
    chunk_size: int = 2048,
    training_steps: int = 1000,
    batch_size: int = 128,
    log_every: int = 100,
    learning_rate: float = 1e-4,
    embedding_dim: int = 64,
    num_layers: int = 4,
    num_heads: int = 8,
    widening_factor: int = 4,
    wandb_project: str | None = None,
    wandb_run_name: str | None = None,
    output_dir: Path = Path("./"),
    model_name: str = "audio_model",
    seed: int = 42,
    num_chunks: int = 488_281,
    channels: Channels = "mono",
    head: Head = "auto",
    schedule: Schedule = "constant",
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    torch_compile: bool = False,
    no_tensorboard: bool = False,
    threads: int | None = None,
    overwrite: bool = False,
) -> TrainedModel:
    """Trains a transformer to predict the samples of WAV files, and writes its weights as `MODEL_NAME.npz`.

    One file in ten is held out (of a single file the last tenth of its time); what held-out samples cost is told every
    --log_every steps, and the weights that are kept are those that cost least. Run it again and it resumes exactly;
    where it has finished it says so. Ctrl-C finishes the step, saves and ends. The log is `MODEL_NAME_training.log`,
    the state `MODEL_NAME_training/`, both in --output_dir.

    Args:
        audio_dir: Folder of WAV files, read recursively.
        use_16bit: 16-bit samples (65,536 values) instead of 8-bit ones (256 values, the top bits of deeper files).
        stereo_blocking_n: Samples of a block of one channel, with --channels stereo.
        chunk_size: Bytes of PCM in a chunk, so even with --use_16bit; 2048 are 2048 samples of 8 bits or 1024 of 16.
        training_steps: Optimiser steps.
        batch_size: Chunks per step; worked off in parts that fit into memory, with the same gradient.
        log_every: Steps between lines of numbers, each with a look at up to 64 held-out chunks.
        learning_rate: Learning rate of Adam; at the default size 0.001 learns several times faster.
        embedding_dim: Features of a position; divisible by --num_heads.
        num_layers: Blocks of attention and MLP.
        num_heads: Attention heads; on a CPU 2 heads of 32 are twice as fast as 8 of 8, with as many weights.
        widening_factor: Hidden features of the MLP, as a multiple of --embedding_dim.
        wandb_project: Project of Weights & Biases; without it nothing goes there.
        wandb_run_name: Name of the run there; by default made of the settings, as 8bit_block1024_chunk2048_steps1000.
        output_dir: Folder for weights, log and state; made if missing.
        model_name: Base name of what is written.
        seed: Of initial weights and of the order of chunks.
        num_chunks: The most chunks to train on, taken file by file.
        channels: mono mixes the channels of a file; stereo keeps both, in blocks of --stereo_blocking_n samples of the
            one, then of the other.
        head: How the next sample's distribution is made. auto is softmax (a logit per value) at 8 bits and logistics (a
            mixture around a linear prediction, which needs far fewer steps at either depth) at 16, where bytes (high
            byte, then low byte) is a third way.
        schedule: constant keeps the learning rate, cosine lets it rise and fall to zero.
        device: auto, cpu or cuda.
        precision: bfloat16 computes all but the head in it; auto takes it on a GPU that has it.
        torch_compile: Compile the model first; worth its minute on a GPU at most.
        threads: Threads to compute with. Default: as PyTorch decides, by the cores or OMP_NUM_THREADS.
        no_tensorboard: Write no numbers for TensorBoard; otherwise they go to `MODEL_NAME_training/tensorboard`.
        overwrite: Begin again, and replace what a training with this name left.

    Returns:
        The weights file and what held-out samples cost.

    Raises:
        UsageError: options or folders that do not go together; `output_dir` holds a training with other settings.
        SoundwrightError: the loss is not finite.
    """
    settings = Settings(
        use_16bit=use_16bit,
        stereo_blocking_n=stereo_blocking_n,
        chunk_size=chunk_size,
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
    if model_name in ("", ".", "..") or Path(model_name).name != model_name:
        raise UsageError(f"model_name must be a plain name, got {model_name!r}", remedy="folders go into --output_dir")
    data_paths.wav_files(audio_dir)
    weights, state = output_dir / f"{model_name}.npz", output_dir / f"{model_name}_training"
    with ExitStack() as stack:
        stack.enter_context(only_training(state))
        if overwrite:
            machine_for(device, precision, torch_compile)  # what was trained goes only for what can be
            data_paths.check_some_readable(audio_dir)
            clear(state)
        elif weights.exists() and not (state / "settings.json").exists():
            raise UsageError(
                "is there, and no training that would resume",
                path=weights,
                remedy="use another --model_name, or --overwrite",
            )
        stack.enter_context(training_log(output_dir / f"{model_name}_training.log"))
        for warning in settings.warnings():
            LOG.warning(warning)
        remember(state / "settings.json", settings.identity())
        train_files, valid_files = data_paths.get_train_paths(audio_dir), data_paths.get_valid_paths(audio_dir)
        if weights.exists() and (state / FINAL).exists():
            check_recordings(settings, train_files, valid_files, state)
            return _finished(weights, state / FINAL)
        LOG.info("Starting audio transformer training")
        LOG.info("Configuration: %s", {"audio_dir": str(audio_dir), **settings.identity()})
        data_paths.detect_audio_format(audio_dir)  # warns of what cannot be read
        LOG.info("Audio processing format: %s", channels)
        LOG.info("Found %d training files and %d validation files", len(train_files), len(valid_files))
        if channels == "mono":
            LOG.info("All audio files will be processed as mono (stereo files converted to mono)")
        else:
            LOG.info("Both channels are kept, in blocks of %d samples", stereo_blocking_n)
        config = {
            "experiment_type": "audio_compression",
            "dataset_type": "custom_wav_directory",
            "audio_directory": str(audio_dir),
            "num_train_files": len(train_files),
            "num_val_files": len(valid_files),
        }
        outcome = fit_files(
            settings,
            train_files,
            valid_files,
            state,
            wandb=None if wandb_project is None else (wandb_project, wandb_run_name or settings.run_name(), config),
            device=device,
            precision=precision,
            torch_compile=torch_compile,
            tensorboard=not no_tensorboard,
        )
        if not outcome.done:
            LOG.info("Training interrupted after step %d", outcome.steps)
            return TrainedModel(weights, outcome.steps, False)
        atomic.write_bytes(weights, (state / FINAL).read_bytes())
        LOG.info("Training completed successfully!")
        LOG.info("Final loss: %.4f bits per byte", outcome.loss)
        LOG.info("Model saved to: %s", show_path(weights))
        return _result(weights, outcome.config)


def _finished(weights: Path, final: Path) -> TrainedModel:
    """The result of a training that came to its end before.

    Raises:
        UsageError: the weights file is not what it wrote.
    """
    if weights.read_bytes() != final.read_bytes():
        raise UsageError(
            f"is not what the training wrote, which is {show_path(final)}",
            path=weights,
            remedy="move it, and the same command writes it again; or use --overwrite to train again",
        )
    with needs_extra("torch", "training an audio transformer"):
        from soundwright.lossless.lm.weights import read_weights

    LOG.info("This training is done already: %s", show_path(weights))
    return _result(weights, read_weights(final)[0], before=True)


def _result(weights: Path, config: dict[str, Any], *, before: bool = False) -> TrainedModel:
    return TrainedModel(
        weights,
        config["steps_done"],
        True,
        before,
        config["held_out_bits_per_sample"],
        config["fixed_predictors_bits_per_sample"],
        config["model"]["sample_bits"],
    )
