"""One random-weight EnCodec for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import EncodecModel

from soundwright.codec import encodec, encodec_random


@pytest.fixture(scope="session")
def encodec_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for each other quadruple the time of these small layers
    folder = encodec_random.save_random_encodec(tmp_path_factory.mktemp("encodec"))
    torch.set_num_threads(before)
    return folder


@pytest.fixture(scope="session")
def codec(encodec_folder: Path) -> encodec.EncodecCodec:
    return encodec.load_folder(encodec_folder)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tokens are defined on one thread: with two, transformers itself takes other kernels."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Reference:
    """transformers' own whole-file passes."""

    def __init__(self, folder: Path) -> None:
        self.model = EncodecModel.from_pretrained(folder, dtype=torch.float32).train(False)

    @torch.inference_mode()
    def embed(self, samples: NDArray[np.float32]) -> torch.Tensor:
        return self.model.encoder(torch.from_numpy(samples)[None, None])

    @torch.inference_mode()
    def encode(self, samples: NDArray[np.float32], bandwidth_kbps: float) -> NDArray[np.uint16]:
        out = self.model.encode(torch.from_numpy(samples)[None, None], bandwidth=bandwidth_kbps)
        return out.audio_codes[0, 0].numpy().astype(np.uint16)

    @torch.inference_mode()
    def decode(self, codes: NDArray[np.uint16]) -> NDArray[np.float32]:
        indices = torch.from_numpy(codes.astype(np.int64))[None, None]
        return self.model.decode(indices, [None]).audio_values[0, 0].numpy()


@pytest.fixture(scope="session")
def reference(encodec_folder: Path) -> Reference:
    return Reference(encodec_folder)
