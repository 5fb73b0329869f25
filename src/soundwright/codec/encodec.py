"""EnCodec (Défossez et al. 2022, arXiv:2210.13438): weights from the hub or a folder, tokens that stream.

The network is `transformers.EncodecModel`; `encodec_streaming` runs it over pieces. Only models that can stream are
taken: causal, mono, weight norm, no normalisation, no one-second chunks (the 48 kHz model has all three).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from soundwright.codec import licences
from soundwright.codec.contract import Codec, CodecInfo
from soundwright.codec.encodec_layers import fold_weight_norm
from soundwright.codec.encodec_streaming import EncodecDecoder, EncodecEncoder, Quantizer
from soundwright.core.errors import BadInput, UsageError

if TYPE_CHECKING:
    from transformers import EncodecModel

HUB_ID = "facebook/encodec_24khz"
FOLDER_LICENCE = "as given by whoever made the folder"

#: Buffers that training keeps and that neither tokens nor sound depend on.
_TRAINING_BUFFERS = ("embed_avg", "cluster_size", "inited")


class EncodecCodec(Codec):
    """A loaded EnCodec.

    Args:
        model: an `EncodecModel` in float32; its weight norm is folded in place, so it belongs to the codec from now on.
        licence: of the weights.
        origin: where the model came from, for messages.

    Raises:
        BadInput: the model is an EnCodec that cannot stream.
    """

    def __init__(self, model: EncodecModel, *, licence: str, origin: str) -> None:
        config = model.config
        _check_streams(model, origin)
        hop = int(config.hop_length)
        self.info = CodecInfo(
            name=f"encodec_{config.sampling_rate // 1000}khz",
            revision=weights_digest(model),
            sample_rate=int(config.sampling_rate),
            hop=hop,
            num_codebooks=int(config.num_quantizers),
            bits_per_code=int(config.codebook_nbits),
            licence=licence,
        )
        self.model = model.train(False).requires_grad_(False)
        fold_weight_norm(self.model)
        self._quantizer = Quantizer(self.model.quantizer)

    def to(self, device: str) -> EncodecCodec:
        """Moves the codec to a torch device, for streams begun from now on; other devices round in their own way."""
        self.model.to(device)
        self._quantizer = Quantizer(self.model.quantizer)
        return self

    def encoder(self, num_codebooks: int) -> EncodecEncoder:
        """A fresh encoder for the first `num_codebooks` codebooks.

        Raises:
            UsageError: the codec has fewer codebooks.
        """
        self._check_codebooks(num_codebooks)
        return EncodecEncoder(self.model.encoder, self._quantizer, num_codebooks, self.info.hop)

    def decoder(self) -> EncodecDecoder:
        """A fresh decoder."""
        return EncodecDecoder(self.model.decoder, self._quantizer)

    def _check_codebooks(self, num_codebooks: int) -> None:
        if not 1 <= num_codebooks <= self.info.num_codebooks:
            raise UsageError(
                f"codec {self.info.name} has 1 to {self.info.num_codebooks} codebooks, asked for {num_codebooks}"
            )


def load(revision: str | None = None) -> EncodecCodec:
    """Loads the 24 kHz EnCodec from the Hugging Face cache, or downloads it there once (about 90 MB).

    Args:
        revision: a branch, tag or commit of the hub repository; None is its main branch.

    Raises:
        UsageError: the weights are neither in the cache nor to be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    wanted = ["config.json", "model.safetensors"]
    try:
        folder = snapshot_download(HUB_ID, revision=revision, allow_patterns=wanted, local_files_only=True)
    except LocalEntryNotFoundError:
        try:
            folder = snapshot_download(HUB_ID, revision=revision, allow_patterns=wanted)
        # Everything that a missing network, proxy or repository raises is one of these two.
        except (OSError, ValueError) as error:
            raise UsageError(
                f"the weights of {HUB_ID} are not in the Hugging Face cache and the hub did not give them",
                remedy="use --codec pocket, which needs no download; or, where there is a network, run "
                f"`hf download {HUB_ID} --local-dir FOLDER` and give --codec FOLDER (or set HF_HOME to a filled cache)",
            ) from error
    return _from_folder(Path(folder), licence=licences.ENCODEC, origin=HUB_ID)


def load_folder(path: Path | str) -> EncodecCodec:
    """Loads an EnCodec from a folder as `save_pretrained` writes it (config.json, model.safetensors).

    Raises:
        BadInput: the folder holds no EnCodec that can stream.
    """
    return _from_folder(Path(path), licence=FOLDER_LICENCE, origin=str(path))


def weights_digest(model: EncodecModel) -> str:
    """The first 12 hex digits of SHA-256 over names, shapes and float32 bytes of all weights that matter.

    Taken over the weights and not the file, so that copies in another file format or precision container that hold
    the same numbers are the same codec. It takes about 0.1 s, so nothing caches it.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if name.endswith(_TRAINING_BUFFERS):
            continue
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()[:12]


def _from_folder(folder: Path, *, licence: str, origin: str) -> EncodecCodec:
    from safetensors import SafetensorError
    from transformers import EncodecModel
    from transformers.utils import logging

    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise BadInput(
                f"expected {name} in the folder of an EnCodec, found none",
                path=folder,
                remedy="write the model with save_pretrained (safetensors)",
            )
    showed_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        # Without dtype, a folder that was saved in half precision would load and compute in half precision.
        loaded: Any = EncodecModel.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BadInput(
            f"not a readable EnCodec: {str(error).splitlines()[0]}", path=folder, remedy="fetch or save it again"
        ) from error
    finally:
        if showed_progress:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    model, report = loaded
    absent = sorted(report["missing_keys"])
    if absent:
        raise BadInput(
            f"expected all weights of an EnCodec, {len(absent)} are missing, the first is {absent[0]}",
            path=folder,
            remedy="fetch or save it again",
        )
    return EncodecCodec(model, licence=licence, origin=origin)


def _check_streams(model: EncodecModel, origin: str) -> None:
    config = model.config
    wanted = {
        "use_causal_conv": True,
        "audio_channels": 1,
        "normalize": False,
        "chunk_length_s": None,
        "norm_type": "weight_norm",
        "pad_mode": "reflect",
        "trim_right_ratio": 1.0,
    }
    for name, value in wanted.items():
        if getattr(config, name) != value:
            raise BadInput(
                f"only an EnCodec with {name}={value} can stream, found {name}={getattr(config, name)}",
                path=origin,
                remedy="use the 24 kHz model",
            )
