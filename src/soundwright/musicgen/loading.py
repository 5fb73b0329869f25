"""Text encoder, decoder and codec out of one checkpoint, each alone: the others' weights are not even read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from soundwright.core.errors import BadInput
from soundwright.musicgen.checkpoints import Checkpoint
from soundwright.musicgen.decoder import Decoder
from soundwright.musicgen.decoder_config import DecoderConfig
from soundwright.musicgen.melody import ChromaSettings, silent_chroma
from soundwright.musicgen.model_shapes import ModelShape, with_defaults
from soundwright.musicgen.precision import Precision

if TYPE_CHECKING:
    from transformers import EncodecModel, PreTrainedTokenizerBase, T5EncoderModel

_REMEDY = "copy or download the checkpoint again (`soundwright music preload`)"


class Weights:
    """The tensors of a checkpoint by name, read one at a time.

    Raises:
        BadInput: a tensor is missing, has another shape than its config says, or is not finite; a file does not open.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.folder, self.paths = checkpoint.folder, checkpoint.shards()
        self.files: dict[str, Any] = {}

    def take(self, name: str, shape: tuple[int, ...] | None = None) -> Tensor:
        """One tensor in float32."""
        if name not in self.paths:
            raise BadInput(f"the weights lack {name}", path=self.folder, remedy=_REMEDY)
        path = self.paths[name]
        try:
            if str(path) not in self.files:
                self.files[str(path)] = safe_open(path, framework="pt")
            tensor: Tensor = self.files[str(path)].get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise BadInput(f"{name} cannot be read: {error}", path=path, remedy=_REMEDY) from error
        if shape is not None and tuple(tensor.shape) != shape:
            raise BadInput(f"{name} is {list(tensor.shape)}, by config.json {list(shape)}", path=path, remedy=_REMEDY)
        # A copy: what safetensors gives is a view of a mapped file, which must not stay open for it.
        copied = tensor.to(torch.float32, copy=True)
        # The sum takes no memory. Here, since packing to 16 or 8 bits makes a NaN a large number that nobody notices.
        if not bool(copied.sum().isfinite()):
            raise BadInput(f"{name} has numbers that are not finite", path=path, remedy=_REMEDY)
        return copied

    def below(self, prefix: str) -> dict[str, Tensor]:
        """All tensors whose names begin so, under the rest of their names."""
        return {name[len(prefix) :]: self.take(name) for name in self.paths if name.startswith(prefix)}


def load_tokenizer(checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
    """The tokenizer of the text encoder.

    Raises:
        BadInput: its files do not load.
    """
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            return AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True)
    # The tokenizers library raises bare exceptions for files that it cannot read.
    except Exception as error:
        raise BadInput(f"the tokenizer does not load: {error}", path=checkpoint.folder, remedy=_REMEDY) from error


def load_text(checkpoint: Checkpoint) -> T5EncoderModel:
    """The text encoder in float32 on the CPU: one prompt takes it a tenth of a second, and half precision overflows."""
    from transformers import T5Config, T5EncoderModel

    model: T5EncoderModel = _pretrained(T5EncoderModel, T5Config, checkpoint, "text_encoder")
    return model


def load_codec(checkpoint: Checkpoint, device: str) -> EncodecModel:
    """The EnCodec in float32."""
    from transformers import EncodecConfig, EncodecModel

    model: EncodecModel = _pretrained(EncodecModel, EncodecConfig, checkpoint, "audio_encoder").to(device)
    return model


def load_decoder(checkpoint: Checkpoint, precision: Precision, device: str) -> Decoder:
    """The decoder, tensor by tensor: more than its weights and one matrix is never held."""
    return Decoder(
        DecoderConfig.from_dict(checkpoint.config["decoder"]),
        Weights(checkpoint).take,
        precision,
        device,
        text_dim=ModelShape.from_config(checkpoint.config).text_dim,
        chroma=silent_chroma(ChromaSettings.of(checkpoint)) if checkpoint.takes_melody else None,
    ).eval()


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars, and no warning that MusicGen's padding token lies outside its vocabulary: it always does."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _pretrained(model: Any, config: Any, checkpoint: Checkpoint, part: str) -> Any:
    weights = Weights(checkpoint).below(f"{part}.")
    with quiet_transformers():
        # Through from_pretrained, which knows the names that weights had in older files.
        loaded, report = model.from_pretrained(
            None,
            config=config.from_dict(with_defaults(checkpoint.config, part)),
            state_dict=weights,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # so that they are reported, and refused below in our words
            dtype=torch.float32,
        )
    wrong = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    if wrong:
        raise BadInput(
            f"the weights of {part} lack {len(wrong)} tensors, e.g. {sorted(wrong)[0]}",
            path=checkpoint.folder,
            remedy=_REMEDY,
        )
    return loaded.eval().requires_grad_(False)
