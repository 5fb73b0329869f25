"""The verb: files, records, repeats, stops and what goes wrong, on a tiny random model."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundwright.audio.tagged import read_tags
from soundwright.cli import root
from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen.finishing import FinishOptions
from soundwright.musicgen.generate import generate
from soundwright.musicgen.options import MachineOptions, SamplingOptions
from soundwright.musicgen.outcome import Generated
from soundwright.musicgen.record import read_record, record_path, state_path
from soundwright.musicgen.replay import replay
from soundwright.runs.events import Event, Note, listening

PROMPT = "industrial kick drums 120 bpm, no vocals"


def make(model: Path, output: Path, **options: Any) -> Generated:
    return generate(**{"model": str(model), "prompt": PROMPT, "duration": 1.0, "seed": 5, "output": output, **options})


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = root.run(["music", *(str(argument) for argument in arguments)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_track_its_record_and_its_tags(tiny_musicgen: Path, tmp_path: Path) -> None:
    result = make(tiny_musicgen, tmp_path / "track.wav")
    info = soundfile.info(tmp_path / "track.wav")
    assert (info.samplerate, info.channels, info.frames) == (32_000, 1, 32_000)
    record = json.loads((tmp_path / "track.json").read_text())
    assert record["prompt"] == PROMPT
    assert (record["seed"], record["duration_s"], record["precision"]) == (5, 1.0, "float16-packed")
    assert {"digest", "licence", "revision"} <= set(record["model"])
    assert record["engine"]["torch"]
    tags = read_tags(tmp_path / "track.wav")
    assert tags.title == PROMPT
    assert record["model"].pop("folder") == str(tiny_musicgen.resolve())  # a place on this machine, for this machine
    assert json.loads(tags.comment) == {name: value for name, value in record.items() if name != "run"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["track.json", "track.wav"]
    lines = "\n".join(result.lines())
    assert "seed 5" in lines
    assert "licence as given by whoever made the folder" in lines


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tiny_musicgen: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        make(tiny_musicgen, tmp_path / f"{name}.wav", seed=seed)
    a, b, c = ((tmp_path / f"{name}.wav").read_bytes() for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.parametrize(
    "sampling",
    [{"temperature": 0.5}, {"cfg_coef": 1.0}, {"top_k": 3}, {"top_p": 0.3}],
    ids=["temperature", "cfg_coef", "top_k", "top_p"],
)
def test_sampling_options_reach_the_sampler(sampling: dict[str, Any], tiny_musicgen: Path, tmp_path: Path) -> None:
    make(tiny_musicgen, tmp_path / "a.wav", duration=0.3)
    make(tiny_musicgen, tmp_path / "b.wav", duration=0.3, sampling=SamplingOptions(**sampling))
    first, second = (read_record(tmp_path / f"{name}.json") for name in "ab")
    assert first.sound["sha256_tokens"] != second.sound["sha256_tokens"]


def test_what_stands_there_is_left_or_refused(tiny_musicgen: Path, tmp_path: Path) -> None:
    track = tmp_path / "track.wav"
    make(tiny_musicgen, track, seed=None)
    seed, before = read_record(tmp_path / "track.json").seed, track.stat().st_mtime_ns
    (again,) = make(tiny_musicgen, track, seed=None).outcomes  # a seed is drawn once
    assert again.already
    assert track.stat().st_mtime_ns == before
    with pytest.raises(UsageError, match=r"made with other settings \(seed\).*--overwrite"):
        make(tiny_musicgen, track, seed=seed + 1)
    make(tiny_musicgen, track, seed=seed + 1, overwrite=True)
    assert read_record(tmp_path / "track.json").seed == seed + 1
    with track.open("ab") as file:
        file.write(b"x")
    with pytest.raises(UsageError, match="not the file that its record tells of"):
        make(tiny_musicgen, track, seed=seed + 1)
    soundfile.write(tmp_path / "mine.wav", np.zeros(10), 8000)
    with pytest.raises(UsageError, match="not made by this command"):
        make(tiny_musicgen, tmp_path / "mine.wav")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(UsageError, match="is no such record"):
        make(tiny_musicgen, tmp_path / "other.wav")


@pytest.mark.parametrize("format", ["flac", "ogg", "mp3"])
def test_stereo_formats_levels_and_fades(format: str, tiny_musicgen_stereo: Path, tmp_path: Path) -> None:
    finish = FinishOptions(peak=-3, fade_in=0.1, fade_out=0.2)
    make(tiny_musicgen_stereo, tmp_path / f"a.{format}", finish=finish)
    info = soundfile.info(tmp_path / f"a.{format}")
    assert (info.channels, info.frames) == (2, 32_000)
    record = read_record(tmp_path / f"a.{format}")
    assert record.sound["true_peak_dbtp"] == -3.0
    assert record.finish.fade_out == 0.2


def test_a_batch_goes_on_after_a_bad_line_and_an_item_is_what_it_is_alone(
    tiny_musicgen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        {"prompt": PROMPT, "name": "one", "seed": 5},
        {"prompt": "", "name": "empty"},
        {"prompt": "slow piano", "style": "no-such-style"},
        {"prompt": "jazz piano", "name": "two", "duration": 0.5},
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\nnot json\n")
    options = ("--prompts", tmp_path / "p.jsonl", "--output", tmp_path / "out", "--duration", 1, "--seed", 8)
    code, out, err = run(capsys, "generate", "--model", tiny_musicgen, *options)
    assert code == 1
    assert "2 made, 3 failed" in out
    assert err.count("failed: ") == 3
    for told in ("line 2: the prompt is empty", "there is no style 'no-such-style'", "line 5 is not JSON"):
        assert told in err
    assert read_record(tmp_path / "out/two.json").seed == 11  # the fourth line of a run that began with 8
    make(tiny_musicgen, tmp_path / "solo.wav")
    assert (tmp_path / "solo.wav").read_bytes() == (tmp_path / "out/one.wav").read_bytes()


def test_a_file_with_one_line_and_text_lines(tiny_musicgen: Path, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(f"# a comment\n\n{PROMPT}\n")
    result = make(tiny_musicgen, tmp_path / "out", prompt=None, prompts=tmp_path / "p.txt", duration=0.3)
    assert [outcome.output.name for outcome in result.outcomes] == ["001-industrial-kick-drums-120-bpm-no-vocals.wav"]


def _stop_after_a_window(event: Event) -> None:
    if isinstance(event, Note) and event.text == "1 of 2 windows are saved":
        os.kill(os.getpid(), signal.SIGINT)


def test_stop_after_a_window_and_resume(tiny_musicgen: Path, tmp_path: Path) -> None:
    options = {"duration": 32.0, "finish": FinishOptions(fade_out=1.0)}
    track = tmp_path / "track.wav"
    with listening(_stop_after_a_window):
        stopped = make(tiny_musicgen, track, **options)
    assert stopped.exit_code == 130
    assert "the same command goes on from there" in "\n".join(stopped.lines())
    saved = state_path(track).read_bytes()
    assert not track.exists()
    for resume in (False, True):
        with pytest.raises(UsageError, match=r"begun with other settings \(prompt\).*--overwrite to begin anew"):
            make(tiny_musicgen, track, prompt="another", resume=resume, **options)
    assert state_path(track).read_bytes() == saved
    seen: list[Event] = []
    with listening(seen.append):
        done = make(tiny_musicgen, track, seed=None, **options)
    assert done.exit_code == 0
    notes = [event.text for event in seen if isinstance(event, Note)]
    assert not any("1 of 2 windows" in text for text in notes)
    assert "track.wav: seed 5, 32 s; going on with what was begun and saved (--overwrite begins anew)" in notes
    whole = make(tiny_musicgen, tmp_path / "whole.wav", **options)
    assert whole.exit_code == 0
    assert track.read_bytes() == (tmp_path / "whole.wav").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["track.json", "track.wav", "whole.json", "whole.wav"]


def test_memory_that_runs_out_halves_what_is_done_at_once_and_is_recorded(
    tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundwright.musicgen.engine import Engine
    from soundwright.musicgen.sound import SoundDecoder

    tokens, pieces = Engine.tokens, SoundDecoder.pieces

    def few(self: Engine, tracks: list[Any], *rest: Any, **options: Any) -> Any:
        if len(tracks) > 1:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes")
        return tokens(self, tracks, *rest, **options)

    def small(self: SoundDecoder, codes: NDArray[Any], *, chunk_frames: int) -> Any:
        if chunk_frames > 12:
            raise MemoryError
        return pieces(self, codes, chunk_frames=chunk_frames)

    monkeypatch.setattr(Engine, "tokens", few)
    monkeypatch.setattr(SoundDecoder, "pieces", small)
    (tmp_path / "p.txt").write_text(f"{PROMPT}\njazz\n")
    result = make(tiny_musicgen, tmp_path / "out", prompt=None, prompts=tmp_path / "p.txt")
    assert result.exit_code == 0
    monkeypatch.undo()
    recovered = json.loads(record_path(result.outcomes[0].output).read_text())["run"]["recovered"]
    assert recovered[0] == "memory ran out with 2 tracks at once; going on with 1"
    assert recovered[-1] == "memory ran out; decoding 12 frames at a time instead of 25"
    make(tiny_musicgen, tmp_path / "solo.wav")
    solo, batched = read_record(tmp_path / "solo.json"), read_record(record_path(result.outcomes[0].output))
    assert solo.sound["sha256_tokens"] == batched.sound["sha256_tokens"]

    def none(self: Engine, *rest: Any, **options: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(Engine, "tokens", none)
    with pytest.raises(BadInput, match=r"memory ran out, and it was the only track -> free some memory"):
        make(tiny_musicgen, tmp_path / "never.wav")
    assert not list(tmp_path.glob(".*"))  # nothing was saved, so nothing is left


def test_continue_from_any_rate_and_follow_a_melody(
    tiny_musicgen: Path, tiny_musicgen_melody: Path, tmp_path: Path
) -> None:
    t = np.arange(22_050) / 22_050
    soundfile.write(tmp_path / "song.flac", 0.3 * np.sin(2 * np.pi * 220 * t), 22_050)
    make(tiny_musicgen, tmp_path / "a.wav", continue_from=tmp_path / "song.flac", duration=1.5)
    assert soundfile.info(tmp_path / "a.wav").frames == 48_000
    assert read_record(tmp_path / "a.json").continue_from is not None
    make(tiny_musicgen_melody, tmp_path / "b.wav", melody=tmp_path / "song.flac", duration=0.5)
    again = replay(tmp_path / "b.json")
    assert again.same


def test_replay_makes_the_same_sound_and_refuses_other_weights(
    tiny_musicgen: Path, tiny_musicgen_stereo: Path, tmp_path: Path
) -> None:
    make(tiny_musicgen, tmp_path / "track.wav", finish=FinishOptions(loudness=-20), sampling=SamplingOptions(top_k=20))
    for source in ("track.json", "track.wav"):  # the record is in the file too
        done = replay(tmp_path / source, overwrite=True)
        assert done.same
        assert "bit for bit" in "\n".join(done.lines())
    assert (tmp_path / "track-replay.wav").read_bytes() == (tmp_path / "track.wav").read_bytes()
    with pytest.raises(UsageError, match="was made with weights"):
        replay(tmp_path / "track.json", model=str(tiny_musicgen_stereo), output=tmp_path / "b.wav")
    with pytest.raises(UsageError, match="other music than float16-packed"):
        replay(tmp_path / "track.json", machine=MachineOptions(dtype="float32"))
    (tmp_path / "bad.json").write_text('{"prompt": 1}')
    with pytest.raises(BadInput, match="is no record of a track"):
        replay(tmp_path / "bad.json")


def test_words_that_do_not_fit_are_shown(
    tiny_musicgen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = "bass " * 600 + "the last words"
    options = ("--duration", 0.2, "--output", tmp_path / "a.wav")
    code, _, err = run(capsys, "generate", "--model", tiny_musicgen, "--prompt", prompt, *options)
    assert code == 0
    assert "is too long for the model, which will not read: " in err
    assert "the last words" in err


def test_nan_in_the_sound(tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from soundwright.musicgen.sound import SoundDecoder

    monkeypatch.setattr(SoundDecoder, "pieces", lambda *_, **__: iter([np.full((1, 32_000), np.nan, np.float32)]))
    with pytest.raises(BadInput, match="NaN or infinite"):
        make(tiny_musicgen, tmp_path / "a.wav")
    assert not (tmp_path / "a.wav").exists()


def _silent(path: Path) -> None:
    soundfile.write(path, np.zeros(8000), 8000)


def _junk(path: Path) -> None:
    path.write_bytes(b"junk")


BAD: dict[str, tuple[list[str], int, str]] = {
    "nothing": ([], 2, "there is nothing to make"),
    "empty": (["--prompt", "  "], 2, "the prompt is empty"),
    "both": (["--prompt", "a", "--prompts", "p.txt"], 2, "both say what to make"),
    "no file": (["--prompts", "none.txt"], 2, "No such file"),
    "0 s": (["--prompt", "a", "--duration", "0"], 2, "a track has at least 0.1 s"),
    "negative": (["--prompt", "a", "--duration", "-3"], 2, "a track has at least 0.1 s"),
    "nan": (["--prompt", "a", "--duration", "nan"], 2, "a track has at least 0.1 s"),
    "10 hours": (["--prompt", "a", "--duration", "36000"], 2, "is more than 3600 s"),
    "style": (["--style", "tecno"], 2, "did you mean techno"),
    "ending": (["--prompt", "a", "--output", "a.xyz"], 2, "names no format"),
    "folder": (["--prompt", "a", "--output", "."], 2, "format"),
    "unwritable": (["--prompt", "a", "--output", "/proc/none/a.wav"], 2, "cannot be written"),
    "disagree": (["--prompt", "a", "--output", "a.mp3", "--format", "wav"], 2, "make them agree"),
    "seed": (["--prompt", "a", "--seed", "-1"], 2, "is not between 0"),
    "temperature": (["--prompt", "a", "--temperature", "-1", "--duration", "0.2"], 2, "--temperature must be"),
    "budget": (["--prompt", "a", "--memory-budget", "lots"], 2, "is no amount of memory"),
    "too small": (["--prompt", "a", "--memory-budget", "100MB"], 2, "no plan fits: the smallest needs"),
    "melody": (["--prompt", "a", "--melody", "song.wav"], 2, "takes no melody"),
    "no song": (["--prompt", "a", "--continue-from", "none.wav"], 1, "cannot be read"),
    "silent": (["--prompt", "a", "--continue-from", "silent.wav"], 1, "is silent"),
    "junk": (["--prompt", "a", "--continue-from", "junk.wav"], 1, "cannot be read as audio"),
    "device": (["--prompt", "a", "--device", "tpu"], 2, "unknown device"),
    "loud": (["--prompt", "a", "--loudness", "-14", "--peak", "-1"], 2, "both set the level"),
    "at once": (["--prompt", "a", "--at-once", "0"], 2, "give at least 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_line_for_each_fault(
    case: str, tiny_musicgen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _silent(tmp_path / "silent.wav")
    _silent(tmp_path / "song.wav")
    _junk(tmp_path / "junk.wav")
    arguments, expected, told = BAD[case]
    code, _, err = run(capsys, "generate", "--model", tiny_musicgen, *arguments)
    errors = [line for line in err.splitlines() if not line.startswith("note: ")]
    assert (code, len(errors)) == (expected, 1), err
    assert told in errors[0]
    assert " -> " in errors[0] or "must be" in errors[0]
    assert not list(tmp_path.glob("track*"))


def test_an_unknown_model_and_half_of_one(
    tiny_musicgen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "generate", "--model", "smal", "--prompt", "a", "--output", tmp_path / "a.wav")
    assert code == 2
    assert "did you mean small?" in err
    import shutil

    half = shutil.copytree(tiny_musicgen, tmp_path / "half")
    weights = half / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    code, _, err = run(capsys, "generate", "--model", half, "--prompt", "a", "--output", tmp_path / "a.wav")
    assert code == 1
    assert err.count("\n") == 1
    assert "is cut off" in err
    assert "soundwright music preload" in err


def test_a_list_of_prompts_is_not_one_track_per_letter(tiny_musicgen: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--prompt is one string, found a list"):
        make(tiny_musicgen, tmp_path / "a.wav", prompt=["techno"])


def test_large_is_experimental_and_defaults_follow_the_model(
    tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundwright.musicgen import generate as verb

    lengths: dict[str, float] = {}

    def remember(prompt: str, defaults: Any) -> Any:
        lengths[defaults.size] = defaults.duration_s
        raise KeyError

    find: Callable[..., Any] = verb.find
    monkeypatch.setattr(verb, "one_request", remember)
    for model in ("small", "medium", "large", "stereo-small"):
        with pytest.raises(KeyError):
            make(Path(model), tmp_path / "a.wav", duration=None)
    assert lengths == {"small": 60.0, "medium": 30.0, "large": 30.0, "stereo-small": 60.0}
    monkeypatch.undo()
    monkeypatch.setattr(verb, "find", lambda model: find(str(tiny_musicgen)))
    seen: list[Event] = []
    with listening(seen.append):
        make(Path("large"), tmp_path / "a.wav", duration=0.2)
    assert any("large is experimental" in event.text for event in seen if isinstance(event, Note))
