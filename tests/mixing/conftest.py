"""Songs, files, and a mixer that says what a test tells it to say; models of the documents' classes as folders."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from soundwright.audio.files import write_wav
from soundwright.formats.instructions import parse
from soundwright.mixing.song_maker import make_song

sys.path.insert(0, str(Path(__file__).parent))  # tests import what they share by its name

RATE = 22_050


@pytest.fixture
def song() -> dict[str, NDArray[np.float32]]:
    """Two seconds of four stems."""
    return make_song(1, 2.0, RATE)


@pytest.fixture
def write() -> Callable[..., Path]:
    """Writes samples `[C, N]` as a WAV or FLAC file and gives its path back."""
    import soundfile

    def write(path: Path, samples: NDArray[Any], rate: int = RATE, *, subtype: str = "PCM_16") -> Path:
        if path.suffix == ".wav":
            write_wav(path, samples.astype(np.float32), rate, subtype=subtype)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples.T, rate, subtype=subtype)
        return path

    return write


@pytest.fixture
def stems(tmp_path: Path, song: dict[str, NDArray[np.float32]], write: Callable[..., Path]) -> Path:
    """The song as a folder of files."""
    for name, samples in song.items():
        write(tmp_path / "song" / f"{name}.wav", samples)
    return tmp_path / "song"


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[dict[str, Any]]]:
    """Makes the mixer say a text; what it is asked is in the list that comes back."""
    from soundwright.mixing import suggest

    def says(text: str) -> list[dict[str, Any]]:
        instructions = parse(text)
        calls = [(stem, call) for stem, some in instructions.items() for call in some]
        asked: list[dict[str, Any]] = []

        def answer(
            stems: Mapping[str, NDArray[Any]],
            sample_rate: int,
            prompt: str = "",
            reference: Any = None,
            model: Any = "tiny",
            unheard: Any = (),
        ) -> suggest.Suggestion:
            asked.append(
                {"stems": stems, "sample_rate": sample_rate, "prompt": prompt, "reference": reference, "model": model}
            )
            confidences = {(stem, call.tool): 0.9 for stem, call in calls}
            errors = {(stem, call.tool, name): 0.7 for stem, call in calls for name in call.arguments}
            return suggest.Suggestion(instructions, confidences, errors, 0.9, ("a note",))

        monkeypatch.setattr(suggest, "suggest", answer)
        return asked

    return says


@pytest.fixture(scope="session")
def mixer() -> Any:
    """The one that is shipped."""
    from soundwright.mixing.model.loading import load_model

    return load_model("tiny")[0]


@pytest.fixture(scope="session")
def base_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random models of the documents' classes, as folders of `save_pretrained`."""
    import torch
    from their_tokenizer import their_tokenizer
    from transformers import (
        BertConfig,
        BertModel,
        ClapAudioConfig,
        ClapAudioModelWithProjection,
        MistralConfig,
        MistralModel,
    )

    torch.manual_seed(1)
    root = tmp_path_factory.mktemp("base")
    tokenizer = their_tokenizer()
    sizes: Any = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
    BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(root / "bert")
    tokenizer.save_pretrained(root / "bert")
    mistral = MistralConfig(vocab_size=40, num_key_value_heads=2, bos_token_id=None, eos_token_id=None, **sizes)
    MistralModel(mistral).save_pretrained(root / "mistral")
    clap = ClapAudioConfig(
        patch_embeds_hidden_size=16,
        depths=[1, 1],
        num_attention_heads=[2, 2],
        num_hidden_layers=2,
        hidden_size=32,
        projection_dim=24,
        patch_size=4,
        window_size=8,
    )
    ClapAudioModelWithProjection(clap).save_pretrained(root / "clap")
    return {name: root / name for name in ("bert", "mistral", "clap")}
