"""Tokens: those of `transformers` where it is greedy, and those of the same track alone, again, resumed or longer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from reference import CFG_COEF, Reference  # type: ignore[import-not-found]

from soundwright.core.errors import UsageError
from soundwright.musicgen import generation, tokens
from soundwright.musicgen.checkpoints import find
from soundwright.musicgen.engine import Engine, Track
from soundwright.musicgen.generation import Cancelled, Progress, SamplingSettings
from soundwright.musicgen.sampling import generator

GREEDY = SamplingSettings(temperature=0, cfg_coef=CFG_COEF)
#: Windows of 2 s (see `packed_engine`) that begin every 1.2 s.
SAMPLED = SamplingSettings(extend_stride=1.2)
PROMPTS = ["jazz trio piano", "slow ambient drone, 60 bpm, no drums"]


def noise(seconds: float, *shape: int) -> NDArray[np.float32]:
    size = (*shape, round(seconds * 32_000))
    return np.random.default_rng(0).normal(0, 0.1, size).astype(np.float32)


@pytest.mark.parametrize("kind", ["mono", "stereo"])
@pytest.mark.parametrize("given", [False, True], ids=["from nothing", "from a recording"])
def test_greedy_tokens_are_those_of_transformers(kind: str, given: bool, request: pytest.FixtureRequest) -> None:
    """A batch of two texts of different lengths, with guidance."""
    suffix = "" if kind == "mono" else "_stereo"
    reference: Reference = request.getfixturevalue(f"reference{suffix}")
    engine = Engine(find(str(request.getfixturevalue(f"tiny_musicgen{suffix}"))), device="cpu", dtype="float32")
    audio = noise(0.5, 2, engine.channels) if given else None
    expected = reference.greedy(PROMPTS, 100, audio=audio)
    beginnings = [None, None] if audio is None else [engine.prompt_tokens(item) for item in audio]
    tracks = [Track(p, duration_s=2, prompt_tokens=b) for p, b in zip(PROMPTS, beginnings, strict=True)]
    for found, theirs in zip(engine.tokens(tracks, GREEDY), expected, strict=True):
        np.testing.assert_array_equal(found, theirs)
    assert len(np.unique(expected[0])) > 10, "tokens that hardly vary prove nothing"


def test_same_seed_same_tokens_other_seed_others(packed_engine: Engine) -> None:
    track = Track(PROMPTS[0], duration_s=3, seed=7)
    first, again, other = (
        packed_engine.tokens([t], SAMPLED)[0] for t in (track, replace(track), replace(track, seed=8))
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape == (4, 150)
    assert first.dtype == np.int16
    assert (first != other).mean() > 0.5
    assert len(np.unique(first)) > 30


@pytest.mark.parametrize("dtype", ["auto", "float32", "int8"])
def test_an_item_of_a_batch_is_what_it_is_alone(tiny_musicgen: Path, dtype: str) -> None:
    engine = Engine(find(str(tiny_musicgen)), device="cpu", dtype=dtype)
    engine.window_frames = 100
    tracks = [
        Track(PROMPTS[0], duration_s=2.5, seed=1),
        Track(PROMPTS[1], duration_s=2.5, seed=2, negative_prompt="vocals"),
        Track("", duration_s=2.5, seed=1),
        Track(PROMPTS[1], duration_s=1, seed=2),
        Track(PROMPTS[1], duration_s=3, seed=2, prompt_tokens=np.ones((4, 7), np.int16)),
    ]
    together = engine.tokens(tracks, SAMPLED)
    for track, found in zip(tracks, together, strict=True):
        np.testing.assert_array_equal(found, engine.tokens([track], SAMPLED)[0])
    assert not np.array_equal(together[1][:, :50], together[3]), "the negative prompt is heard"


def test_a_negative_prompt_guides_away(engine: Engine) -> None:
    """Guidance away from the prompt itself is no guidance."""
    itself = engine.tokens([Track(PROMPTS[0], duration_s=1, negative_prompt=PROMPTS[0])], GREEDY)[0]
    none = engine.tokens([Track(PROMPTS[0], duration_s=1)], replace(GREEDY, cfg_coef=1.0))[0]
    np.testing.assert_array_equal(itself, none)
    assert not np.array_equal(itself, engine.tokens([Track(PROMPTS[0], duration_s=1)], GREEDY)[0])


@pytest.mark.parametrize("shorter_s", [1.0, 2.0, 3.2])
def test_a_shorter_track_is_the_beginning_of_a_longer_one(packed_engine: Engine, shorter_s: float) -> None:
    track = Track(PROMPTS[0], duration_s=5, seed=3)
    longer = packed_engine.tokens([track], SAMPLED)[0]
    shorter = packed_engine.tokens([replace(track, duration_s=shorter_s)], SAMPLED)[0]
    np.testing.assert_array_equal(shorter, longer[:, : shorter.shape[1]])


def stop_at(frame: int) -> tuple[Callable[[Progress], None], Callable[[], bool]]:
    seen = [0]

    def progress(at: Progress) -> None:
        seen[0] = at.frame

    return progress, lambda: seen[0] >= frame


# Windows end at frames 100, 160, 220 and 250.
@pytest.mark.parametrize(("frame", "kept"), [(0, 0), (99, 0), (100, 100), (130, 100), (249, 220)])
def test_stopped_anywhere_and_resumed_it_is_the_same(
    packed_engine: Engine, tmp_path: Path, frame: int, kept: int
) -> None:
    track = Track(PROMPTS[0], duration_s=5, seed=3, state=tmp_path / "track.npz")
    whole = packed_engine.tokens([replace(track, state=None)], SAMPLED)[0]
    progress, cancelled = stop_at(frame)
    with pytest.raises(Cancelled):
        packed_engine.tokens([track], SAMPLED, progress=progress, cancelled=cancelled)
    assert track.state is not None
    assert track.state.exists() == (kept > 0)
    if kept:
        with np.load(track.state) as arrays:
            np.testing.assert_array_equal(arrays["codes"], whole[:, :kept])
    seen: list[Progress] = []
    resumed = packed_engine.tokens([replace(track, resume=True)], SAMPLED, progress=seen.append)[0]
    np.testing.assert_array_equal(resumed, whole)
    assert seen[0].frame == kept, "finished windows are not sampled again"
    assert seen[-1] == Progress(4, 4, 250, 250)


def test_a_track_that_is_done_is_not_sampled_again_and_can_become_longer(packed_engine: Engine, tmp_path: Path) -> None:
    track = Track(PROMPTS[0], duration_s=3, seed=3, state=tmp_path / "track.npz")
    done = packed_engine.tokens([track], SAMPLED)[0]
    seen: list[Progress] = []
    again = packed_engine.tokens([replace(track, resume=True)], SAMPLED, progress=seen.append)[0]
    np.testing.assert_array_equal(done, again)
    assert not seen
    longer = replace(track, resume=True, duration_s=5)
    found = packed_engine.tokens([longer], SAMPLED, progress=seen.append)[0]
    np.testing.assert_array_equal(found, packed_engine.tokens([replace(longer, state=None)], SAMPLED)[0])
    assert seen[0].frame == 100, "the first window is the same, the second was shorter"


@pytest.mark.parametrize(
    "other", [{"prompt": "x"}, {"seed": 4}, {"negative_prompt": "x"}, {"prompt_tokens": np.ones((4, 3), np.int16)}]
)
def test_a_state_of_another_track_is_refused(packed_engine: Engine, tmp_path: Path, other: dict) -> None:
    track = Track(PROMPTS[0], duration_s=1, seed=3, state=tmp_path / "track.npz")
    packed_engine.tokens([track], SAMPLED)
    with pytest.raises(UsageError, match="track.npz: .* --resume"):
        packed_engine.tokens([replace(track, resume=True, **other)], SAMPLED)
    with pytest.raises(UsageError, match="another"):
        packed_engine.tokens([replace(track, resume=True)], replace(SAMPLED, top_k=9))
    assert packed_engine.tokens([track], replace(SAMPLED, top_k=9)), "without --resume it begins again"


def test_progress_counts_all_tracks_and_never_goes_back(packed_engine: Engine) -> None:
    seen: list[Progress] = []
    tracks = [Track(PROMPTS[0], duration_s=3), Track(PROMPTS[1], duration_s=3), Track("x", duration_s=1)]
    packed_engine.tokens(tracks, SAMPLED, progress=seen.append)
    frames = [at.frame for at in seen]
    assert frames == sorted(frames)
    assert seen[0] == Progress(0, 5, 0, 350)
    assert seen[-1] == Progress(5, 5, 350, 350)


def test_every_window_has_noise_of_its_own(packed_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def recording(seed: int, window: int, device: str) -> torch.Generator:
        asked.append((seed, window))
        return generator(seed, window, device)

    monkeypatch.setattr(generation, "generator", recording)
    given = np.ones((4, 110), np.int16)  # the first window is known: it is not sampled, and the second stays the second
    packed_engine.tokens(
        [Track("x", duration_s=5, seed=3), Track("x", duration_s=5, seed=4, prompt_tokens=given)], SAMPLED
    )
    assert sorted(asked) == [(3, 0), (3, 1), (3, 2), (3, 3), (4, 1), (4, 2), (4, 3)]


def test_saved_tokens_are_int16_of_whole_windows(packed_engine: Engine, tmp_path: Path) -> None:
    track = Track(PROMPTS[0], duration_s=3, state=tmp_path / "track.npz")
    codes = packed_engine.tokens([track], SAMPLED)[0]
    with np.load(tmp_path / "track.npz") as arrays:
        state = tokens.load(tmp_path / "track.npz", str(arrays["settings"]), 4)
    np.testing.assert_array_equal(state.codes, codes)


def test_full_windows_of_thirty_seconds(engine: Engine) -> None:
    """40 s as the model has it: 30 s, then 10 s that remember 12 s, from the same tokens as its first half minute."""
    track = Track(PROMPTS[0], duration_s=40, seed=1)
    seen: list[Progress] = []
    codes = engine.tokens([track], SamplingSettings(), progress=seen.append)[0]
    assert codes.shape == (4, 2000)
    assert seen[-1].num_windows == 2
    assert len(np.unique(codes[:, 1500:])) > 30
