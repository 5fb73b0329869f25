"""Our own mixers in NumPy: the PyTorch network's numbers, in any batch, within the grammar, from their own weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from soundwright.core.errors import BadInput
from soundwright.mixing.checkpoint import load_mixer, save_mixer
from soundwright.mixing.decode import speak
from soundwright.mixing.features import MIX_FEATURES, STEM_FEATURES
from soundwright.mixing.grammar import allowed
from soundwright.mixing.inference.decoder import Memory
from soundwright.mixing.inference.mixer import NumpyMixer
from soundwright.mixing.labels import TOOL_NAMES
from soundwright.mixing.model.contract import Inputs
from soundwright.mixing.model.loading import load_model
from soundwright.mixing.model.mixer import Mixer
from soundwright.mixing.model.network_model import NetworkModel
from soundwright.mixing.model.settings import LoraSettings, MixerSettings, OwnSizes, Thresholds
from soundwright.mixing.tokens import CHOICES, LINE, OPENINGS, PIECES

PROMPTS = ("the vocals are too quiet", "", "fix this mix", "schläfrig 混 bass, less mud on the drum kit " * 4)
NAMES = ("vocals", "Drums 2", "bass", "other", "ünknown")
SIZES = [
    MixerSettings(
        own_text=OwnSizes(hidden=32, layers=1, heads=2, inner=64),
        own_decoder=OwnSizes(hidden=48, layers=3, heads=4, inner=80),
        hidden=40,
        layers=1,
        heads=5,
        lora=None,
    ),
    MixerSettings(
        own_text=OwnSizes(hidden=8, layers=3, heads=1, inner=8),
        own_decoder=OwnSizes(hidden=24, layers=1, heads=1, inner=16),
        hidden=64,
        layers=0,
        heads=1,
        tools=("apply_pan", "apply_reverb"),
        lora=None,
    ),
]


def new_network(settings: MixerSettings, seed: int = 0) -> Mixer:
    """Random weights of a size that tells layers apart: biases and norms as well."""
    torch.manual_seed(seed)
    mixer = Mixer(settings).eval()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.3 if parameter.ndim == 1 else 0.05))
    return mixer


def random_inputs(rng: np.random.Generator, prompts: list[str], num_stems: int) -> Inputs:
    """Features as they are seen, a few units large."""
    names = [tuple(NAMES[i] for i in rng.permutation(len(NAMES))[:num_stems]) for _ in prompts]
    stems = rng.normal(0, 1, (len(prompts), num_stems, STEM_FEATURES)).astype(np.float32)
    return Inputs(prompts, names, stems, rng.normal(0, 1, (len(prompts), MIX_FEATURES)).astype(np.float32))


def random_steps(rng: np.random.Generator, inputs: Inputs, count: int = 12) -> list[tuple[list[int], ...]]:
    """Pieces, stems and states of steps: any, as a line begins with a `LINE`."""
    batch, num_stems = inputs.stem_features.shape[:2]
    steps = []
    for number in range(count):
        pieces = rng.integers(len(PIECES), size=batch) if number else np.full(batch, LINE)
        stems, states = rng.integers(num_stems, size=batch), rng.integers(len(TOOL_NAMES) + 1, size=batch)
        steps.append((pieces.tolist(), stems.tolist(), states.tolist()))
    return steps


def said(model: Any, inputs: Inputs, steps: list[tuple[list[int], ...]]) -> list[np.ndarray]:
    """Touch; then log chances, values and spreads of all steps, `[steps, B, ...]`."""
    stream = model.begin(inputs)
    parts = [np.stack(part) for part in zip(*(stream.step(*step) for step in steps), strict=True)]
    with np.errstate(divide="ignore"):
        return [np.asarray(stream.touch), np.log(parts[0]), *parts[1:]]


def alone(inputs: Inputs, row: int) -> Inputs:
    part = slice(row, row + 1)
    return Inputs(inputs.prompts[part], inputs.names[part], inputs.stem_features[part], inputs.mix_features[part])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Saved mixers of random weights."""
    root = tmp_path_factory.mktemp("mixers")
    return [save_mixer(new_network(size), root / str(place), {}) for place, size in enumerate(SIZES)]


@pytest.mark.parametrize("which", ["tiny", 0, 1])
def test_it_says_what_the_network_says(folders: list[Path], which: str | int) -> None:
    source = folders[which] if isinstance(which, int) else which
    ours, theirs = load_model(source)[0], NetworkModel(load_mixer(source)[0])
    assert isinstance(ours, NumpyMixer)
    rng = np.random.default_rng(0)
    for prompt in PROMPTS:
        for num_stems in (1, 2, 5):
            inputs = random_inputs(rng, [prompt] * int(rng.integers(1, 4)), num_stems)
            steps = random_steps(rng, inputs)
            for one, other in zip(said(ours, inputs, steps), said(theirs, inputs, steps), strict=True):
                assert one.dtype == np.float32
                np.testing.assert_array_equal(np.isfinite(one), np.isfinite(other))
                np.testing.assert_allclose(one, other, atol=2e-5, rtol=2e-5)


def test_an_example_says_the_same_in_any_batch() -> None:
    mixer, rng = load_model("tiny")[0], np.random.default_rng(1)
    inputs = random_inputs(rng, list(PROMPTS), 3)
    steps = random_steps(rng, inputs)
    together = said(mixer, inputs, steps)
    for row in range(len(PROMPTS)):
        apart = said(mixer, alone(inputs, row), [tuple(part[row : row + 1] for part in step) for step in steps])
        np.testing.assert_allclose(apart[0], together[0][row : row + 1], atol=1e-6)
        for one, other in zip(apart[1:], together[1:], strict=True):
            np.testing.assert_allclose(one[:, 0], other[:, row], atol=2e-5)


def test_what_is_read_piece_by_piece_is_read_as_a_whole() -> None:
    mixer, rng = load_model("tiny")[0], np.random.default_rng(2)
    assert isinstance(mixer, NumpyMixer)
    vectors = rng.normal(0, 1, (3, 20, 96)).astype(np.float32)
    known = np.ones((3, 20), bool)
    known[0, 4:9] = known[1, 2] = False
    whole = Memory(mixer.decoder).read(vectors, known)
    memory = Memory(mixer.decoder)
    cuts = [0, 9, 10, 11, 15, 20]
    parts = [memory.read(vectors[:, a:b], known[:, a:b]) for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1)[known], whole[known], atol=1e-5)
    # And what comes later changes nothing before it.
    changed = vectors.copy()
    changed[:, 12:] += 1
    np.testing.assert_array_equal(Memory(mixer.decoder).read(changed, known)[:, :12], whole[:, :12])


def test_the_grammar_is_never_left(folders: list[Path]) -> None:
    rng = np.random.default_rng(3)
    for folder, settings in zip(folders, SIZES, strict=True):
        mixer = load_model(folder)[0]
        inputs = random_inputs(rng, list(PROMPTS), 3)
        table = allowed(settings.tools)
        stream = mixer.begin(inputs)
        for pieces, stems, states in random_steps(rng, inputs, 40):
            chances, _, spreads = stream.step(pieces, stems, states)
            assert chances.shape == (len(PROMPTS), len(CHOICES))
            np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-6)
            assert not chances[~table[states]].any()
            assert (spreads > 0).all()
        loose = {kind: Thresholds(call=dict.fromkeys(TOOL_NAMES, 0.1)) for kind in settings.thresholds}
        spoken = speak(mixer, inputs, loose)
        tools = {call.tool for one in spoken for calls in one.instructions.values() for call in calls}
        assert tools
        assert tools <= set(settings.tools)
        assert all(token in range(len(PIECES)) for one in spoken for token in one.tokens)
        assert all(one.tokens.count(LINE) == 3 for one in spoken)
        assert any(token in OPENINGS for one in spoken for token in one.tokens)


def test_both_speak_the_same_instructions(folders: list[Path]) -> None:
    rng = np.random.default_rng(4)
    for source in ("tiny", *folders):
        ours, theirs = load_model(source)[0], NetworkModel(load_mixer(source)[0])
        loose = {kind: Thresholds(call=dict.fromkeys(TOOL_NAMES, 0.3)) for kind in ours.settings.thresholds}
        for prompt in PROMPTS:
            inputs = random_inputs(rng, [prompt] * 4, 4)
            for one, other in zip(speak(ours, inputs, loose), speak(theirs, inputs, loose), strict=True):
                assert one.tokens == other.tokens
                assert one.instructions == other.instructions
                assert one.confidences == pytest.approx(other.confidences, abs=1e-5)
                assert one.errors == pytest.approx(other.errors, rel=1e-5, abs=1e-5)


def test_what_is_not_only_ours_goes_to_the_network(tmp_path: Path) -> None:
    network = new_network(SIZES[0].model_copy(update={"lora": LoraSettings(r=2)}))
    network.decoder.adapt(LoraSettings(r=2))
    save_mixer(network.eval(), tmp_path / "m", {})
    assert isinstance(load_model(tmp_path / "m")[0], NetworkModel)


def test_without_pytorch_a_mixer_of_others_says_what_to_install(
    base_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from soundwright.core.errors import MissingExtra

    network = Mixer(SIZES[0].model_copy(update={"text_model": str(base_models["bert"])}))
    save_mixer(network, tmp_path / "m", {})
    for name in [name for name in sys.modules if name.startswith("soundwright.mixing.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    from soundwright.mixing.model.loading import load_model

    with pytest.raises(MissingExtra, match=r"pip install 'soundwright\[torch\]'"):
        load_model(tmp_path / "m")
    assert load_model("tiny")[1]["name"] == "tiny"


Change = Callable[[dict[str, np.ndarray], dict[str, Any]], object]


def sizes_of(part: str, **changed: int) -> Change:
    return lambda tensors, facts: facts["settings"][part].update(changed)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda tensors, facts: tensors.pop("fusion.kind"), "there is no tensor fusion.kind"),
        (lambda tensors, facts: tensors.update(more=np.zeros(1, np.float32)), "know no tensor more"),
        (
            lambda tensors, facts: tensors.update({"tell.bias": np.zeros(3, np.float32)}),
            r"tell.bias has the shape \[3\], and the settings ask for \[48\]",
        ),
        (lambda tensors, facts: tensors["tell.bias"].fill(np.nan), "tell.bias has numbers that are not finite"),
        (
            lambda tensors, facts: tensors.update({"tell.bias": np.zeros(48, np.int64)}),
            "tell.bias is of int64; expected float16 or float32",
        ),
        (sizes_of("own_decoder", hidden=10**12, heads=2), r"the settings ask for \[1, 1000000000000\]"),
        (sizes_of("own_text", layers=10**9), "no tensor text.bert.encoder.layer.1"),
        (sizes_of("own_text", heads=3), "3 heads of attention do not divide the 32 features of the text encoder"),
        (sizes_of("own_decoder", heads=48), "a head of the decoder has 1 features; expected an even number"),
        (lambda tensors, facts: facts["settings"].update(heads=7), "7 heads of attention do not divide the 40"),
    ],
)
def test_weights_of_another_mixer_are_one_line(folders: list[Path], tmp_path: Path, change: Change, why: str) -> None:
    folder = rewritten(folders[0], tmp_path / "m", change)
    with pytest.raises(BadInput, match=why) as caught:
        load_model(folder)
    assert str(caught.value).startswith(f"{folder / 'weights.safetensors'}: are no weights of this mixer (")
    assert str(caught.value).endswith("-> copy or train it again")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("nothing", "is no vocabulary"),
        ('{"a": 1}', "it is no list"),
        ('["[PAD]", "[UNK]", "[CLS]"]', r"the piece \[SEP\] is missing"),
        ('["[PAD]", "[UNK]", "[CLS]", "[SEP]", 1]', "a piece is no text"),
        ("[" * 100_000, "is no vocabulary"),
        ('["[PAD]", "[UNK]", "[CLS]", "[SEP]", "drums"]', r"word_embeddings.weight has the shape"),
    ],
)
def test_a_vocabulary_that_is_none_is_one_line(folders: list[Path], tmp_path: Path, content: str, why: str) -> None:
    folder = rewritten(folders[0], tmp_path / "m", lambda tensors, facts: None, vocabulary=content)
    with pytest.raises(BadInput, match=why) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def rewritten(source: Path, folder: Path, change: Change, vocabulary: str | None = None) -> Path:
    """A copy of a mixer with something changed, and digests that are right again."""
    import shutil

    from safetensors.numpy import load_file, save_file

    shutil.copytree(source, folder)
    facts = json.loads((folder / "mixer.json").read_text())
    tensors = load_file(folder / "weights.safetensors")
    change(tensors, facts)
    save_file(tensors, folder / "weights.safetensors")
    if vocabulary is not None:
        (folder / "vocabulary.json").write_text(vocabulary)
    facts["weights_sha256"] = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    facts["files_sha256"]["vocabulary.json"] = hashlib.sha256((folder / "vocabulary.json").read_bytes()).hexdigest()
    (folder / "mixer.json").write_text(json.dumps(facts))
    return folder
