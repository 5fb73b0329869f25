"""The older token files: `torch.save` of a dict, also named `.ecdc`. Read weights-only, written on request.

    {"audio_codes": int64 [1, 1, K, T], "audio_scales": [None], "audio_length": samples}

They say neither codec nor bandwidth nor source, so the codec is taken to be `encodec_24khz`, the only one that the tool
which made them had. Source: lonce/EncHF_Dataset, `workflow/s2_wav2encodec24.py`.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.core.extras import needs_extra
from soundwright.formats.bits import BITS
from soundwright.formats.ecdc import TokenFile, TokenHeader
from soundwright.formats.ecdc_header import MAX_CODEBOOKS
from soundwright.runs.atomic import atomic_path

#: A torch archive is a zip file.
MAGIC = b"PK\x03\x04"
_CODEC = "encodec_24khz"


def read(path: Path | str) -> TokenFile:
    """Reads an older token file; nothing in it is executed.

    Raises:
        BadInput: the file cannot be read, or holds something else.
        MissingExtra: torch is not installed.
    """
    torch = _torch()
    try:
        # A zip bomb could unpack to anything; an honest archive stores its tensors uncompressed.
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise _bad(path, "compressed entries, which torch.save never writes")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror or error}", path=path, remedy="check the path") from error
    # What torch.load and zipfile raise on damaged or hostile archives.
    except (
        zipfile.BadZipFile,
        pickle.UnpicklingError,
        RuntimeError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        EOFError,
        OverflowError,
        AssertionError,
        NotImplementedError,
    ) as error:
        raise _bad(path, f"{type(error).__name__}") from error
    return _tokens_of(content, path)


def write(path: Path, tokens: TokenFile) -> None:
    """Exports tokens for programs that read only the older form; revision and source are lost.

    Raises:
        MissingExtra: torch is not installed.
    """
    torch = _torch()
    codes = torch.from_numpy(tokens.codes.astype(np.int64))[None, None]
    content = {"audio_codes": codes, "audio_scales": [None], "audio_length": tokens.num_samples}
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def _tokens_of(content: Any, path: Path | str) -> TokenFile:
    if not isinstance(content, dict) or not {"audio_codes", "audio_length"} <= content.keys():
        keys = sorted(map(str, content))[:5] if isinstance(content, dict) else type(content).__name__
        raise _bad(path, f"{keys}")
    num_samples = content["audio_length"]
    if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples < 0:
        raise _bad(path, f"audio_length {num_samples!r}"[:80])
    scales = content.get("audio_scales", [None])
    if not isinstance(scales, list | tuple) or any(scale is not None for scale in scales):
        raise _bad(path, "scales, as the 48 kHz model has them")
    codes = _codes_of(content["audio_codes"], path)
    header = TokenHeader(_CODEC, num_samples, codes.shape[0])
    if codes.shape[1] != header.num_frames:
        raise _bad(path, f"{codes.shape[1]} frames for {num_samples} samples, which are {header.num_frames}")
    return TokenFile.of(header, codes)


def _codes_of(tensor: Any, path: Path | str) -> NDArray[np.uint16]:
    torch = _torch()
    if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided or tensor.dtype.is_complex:
        raise _bad(path, f"audio_codes of {type(tensor).__name__}")
    shape = list(tensor.shape)
    if tensor.dtype.is_floating_point or tensor.dtype == torch.bool:
        raise _bad(path, f"audio_codes of {tensor.dtype}")
    # Some tools drop the leading ones.
    if not 2 <= len(shape) <= 4 or any(size != 1 for size in shape[:-2]) or not 1 <= shape[-2] <= MAX_CODEBOOKS:
        raise _bad(path, f"audio_codes {shape}")
    if tensor.numel() > tensor.untyped_storage().nbytes():
        raise _bad(path, f"audio_codes {shape} that repeat their memory")
    codes: NDArray[np.int64] = tensor.to(torch.int64).numpy().reshape(shape[-2:])
    if codes.size and not (int(codes.min()) >= 0 and int(codes.max()) < 1 << BITS):
        raise _bad(path, f"codes from {int(codes.min())} to {int(codes.max())}")
    return codes.astype(np.uint16)


def _bad(path: Path | str, found: str) -> BadInput:
    return BadInput(
        f"expected audio_codes [1, 1, K, T] of integers below {1 << BITS} and audio_length in a torch archive, "
        f"found {found}",
        path=path,
        remedy="encode the audio again",
    )


def _torch() -> Any:
    with needs_extra("torch", "the older token format (a torch archive)"):
        import torch
    return torch
