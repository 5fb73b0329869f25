"""What stands at an output: never lost, never in the way of the right command, and made by one run at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from soundwright.cli import root
from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen.engine import Engine
from soundwright.musicgen.finishing import FinishOptions
from soundwright.musicgen.generate import generate
from soundwright.musicgen.options import SamplingOptions
from soundwright.musicgen.outcome import Generated
from soundwright.musicgen.output_lock import folder_lock, track_lock
from soundwright.musicgen.outputs import unfinished_path
from soundwright.musicgen.record import read_record, state_path
from soundwright.runs.events import Event, Note, listening


def make(model: Path, output: Path, **options: Any) -> Generated:
    return generate(**{"model": str(model), "prompt": "bass", "duration": 0.3, "seed": 5, "output": output, **options})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"temperature": float("nan")}, "--temperature"),
        ({"temperature": -1.0}, "--temperature"),
        ({"cfg_coef": float("inf")}, "--cfg_coef"),
        ({"top_k": -1}, "--top_k"),
        ({"extend_stride": 30.0}, "--extend_stride"),
    ],
)
def test_a_wrong_option_leaves_nothing_behind(
    option: dict[str, Any], told: str, tiny_musicgen: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        make(tiny_musicgen, tmp_path / "new/t.wav", sampling=SamplingOptions(**option))
    assert names(tmp_path) == []


def test_a_track_that_is_shorter_than_what_it_continues_does_not_block_the_right_command(
    tiny_musicgen: Path, tmp_path: Path
) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, 0.3 * np.sin(np.arange(16_000) / 10), 16_000)
    with pytest.raises(UsageError, match="nothing to sample"):
        make(tiny_musicgen, tmp_path / "t.wav", continue_from=song)
    assert names(tmp_path) == ["song.wav"]
    make(tiny_musicgen, tmp_path / "t.wav", continue_from=song, duration=1.2, seed=6)


def test_the_record_never_goes_over_a_sound(tiny_musicgen: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is where the track's record goes -> end it in \.wav"):
        make(tiny_musicgen, tmp_path / "x.json", format="wav")
    make(tiny_musicgen, tmp_path / "t.wav")
    record = (tmp_path / "t.json").read_bytes()
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"its record would replace t\.json, which is that of t\.wav"):
            make(tiny_musicgen, tmp_path / "t.flac", overwrite=overwrite)
    assert (tmp_path / "t.json").read_bytes() == record
    (tmp_path / "t.wav").unlink()
    make(tiny_musicgen, tmp_path / "t.flac")  # the record is of nothing any more


def test_links_and_devices_are_not_replaced(tiny_musicgen: Path, tmp_path: Path) -> None:
    (tmp_path / "t.wav").symlink_to(tmp_path / "gone/t.wav")
    with pytest.raises(UsageError, match="is a link to a file that is not there"):
        make(tiny_musicgen, tmp_path / "t.wav", overwrite=True)
    os.mkfifo(tmp_path / "u.wav")
    with pytest.raises(UsageError, match="is no plain file"):
        make(tiny_musicgen, tmp_path / "u.wav", overwrite=True)


def test_overwriting_without_a_seed_makes_another_track(tiny_musicgen: Path, tmp_path: Path) -> None:
    make(tiny_musicgen, tmp_path / "t.wav")
    make(tiny_musicgen, tmp_path / "t.wav", seed=None, overwrite=True)
    assert read_record(tmp_path / "t.json").seed != 5


def test_work_that_was_begun_with_overwrite_goes_on_with_the_same_command(
    tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = tmp_path / "t.wav"
    make(tiny_musicgen, track)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("soundwright.musicgen.making.finish", full)
        with pytest.raises(BadInput, match=r"t\.wav: cannot be written: No space left on device -> .*the same command"):
            make(tiny_musicgen, track, seed=None, overwrite=True)
    begun = read_record(unfinished_path(track))
    assert state_path(track).exists()
    monkeypatch.setattr("soundwright.musicgen.generation.sample_window", None)  # nothing is sampled again
    make(tiny_musicgen, track, seed=None, overwrite=True)
    assert read_record(tmp_path / "t.json").seed == begun.seed != 5


def test_overwrite_begins_anew_with_what_was_stopped(
    tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = tmp_path / "t.wav"
    with monkeypatch.context() as patch:
        patch.setattr("soundwright.musicgen.making.finish", lambda *_, **__: (_ for _ in ()).throw(OSError(27, "big")))
        with pytest.raises(BadInput):
            make(tiny_musicgen, track)
    state_path(track).write_bytes(b"damaged")
    with pytest.raises(BadInput, match=r"t\.wav: .*--overwrite begins the track anew"):
        make(tiny_musicgen, track)
    make(tiny_musicgen, track, overwrite=True)
    assert names(tmp_path) == ["t.json", "t.wav"]


def test_resume_with_nothing_to_go_on_from_says_so(tiny_musicgen: Path, tmp_path: Path) -> None:
    seen: list[Event] = []
    with listening(seen.append):
        make(tiny_musicgen, tmp_path / "t.wav", resume=True)
    assert any("there is nothing to go on from" in event.text for event in seen if isinstance(event, Note))


def test_one_run_at_a_time(tiny_musicgen: Path, tmp_path: Path) -> None:
    with track_lock(tmp_path / "t.wav"):
        for name in ("t.wav", "t.flac"):  # they would share a record
            with pytest.raises(UsageError, match=f"{name}: is being made by another run -> wait"):
                make(tiny_musicgen, tmp_path / name)
        (tmp_path / "p.txt").write_text("bass\n")
        with pytest.raises(UsageError, match="another run is making music in this folder"):
            make(tiny_musicgen, tmp_path, prompt=None, prompts=tmp_path / "p.txt")
        make(tiny_musicgen, tmp_path / "u.wav")
    with folder_lock(tmp_path), pytest.raises(UsageError, match="a batch is being made"):
        make(tiny_musicgen, tmp_path / "v.wav")
    assert names(tmp_path) == ["p.txt", "u.json", "u.wav"]


def test_a_lock_holds_between_processes_and_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from soundwright.musicgen.output_lock import track_lock\n"
        "with track_lock(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "t.wav")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="is being made by another run"), track_lock(tmp_path / "t.wav"):
            pass
        other.communicate("")
    with track_lock(tmp_path / "t.wav"):
        pass
    assert names(tmp_path) == []


def test_one_tracks_fault_of_the_disk_does_not_end_a_batch(
    tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from soundwright.musicgen import making

    finish = making.finish

    def one_is_full(path: Path, *rest: Any, **options: Any) -> Any:
        if "two" in path.name:
            raise OSError(27, "File too large")
        return finish(path, *rest, **options)

    monkeypatch.setattr(making, "finish", one_is_full)
    lines = [{"prompt": "bass", "name": name} for name in ("one", "two", "ü" * 300, "🎵" * 90)]
    (tmp_path / "p.jsonl").write_text("\n".join(json.dumps(line) for line in [*lines, {"prompt": ""}]))
    options = ("--prompts", tmp_path / "p.jsonl", "--output", tmp_path / "out", "--duration", 0.3)
    code = root.run(["music", "generate", "--model", str(tiny_musicgen), *map(str, options)])
    told = capsys.readouterr()
    assert code == 1
    assert "Traceback" not in told.err
    assert "two.wav: cannot be written: File too large" in told.err
    assert ": 1/0" not in told.err
    assert "2 made, 3 failed" in told.out  # a name of signs alone is none
    assert len(list((tmp_path / "out").glob("*.wav"))) == 2


def test_a_name_that_is_too_long_for_the_disk(tiny_musicgen: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bytes too long for this disk"):
        make(tiny_musicgen, tmp_path / f"{'x' * 250}.wav")


def test_memory_that_runs_out_while_the_beginning_is_encoded(
    tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "song.wav", 0.3 * np.sin(np.arange(8000) / 10), 16_000)
    encode, tries = Engine.prompt_tokens, []

    def once(self: Engine, samples: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return encode(self, samples)

    monkeypatch.setattr(Engine, "prompt_tokens", once)
    options = {"continue_from": tmp_path / "song.wav", "duration": 1.0}
    make(tiny_musicgen, tmp_path / "t.wav", **options)
    recovered = read_record(tmp_path / "t.json").run["recovered"]
    assert recovered == ["memory ran out; trying once more with nothing else in memory"]

    def never(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(Engine, "prompt_tokens", never)
    with pytest.raises(BadInput, match=r"u\.wav: memory ran out"):
        make(tiny_musicgen, tmp_path / "u.wav", **options)


def test_the_remedy_for_a_lack_of_memory_can_be_followed(tmp_path: Path) -> None:
    from soundwright.musicgen.model_shapes import known_shape
    from soundwright.musicgen.out_of_memory import no_room_for_tokens
    from soundwright.musicgen.plan import Work, make_plan

    shape = known_shape("medium")
    assert shape is not None
    plan = make_plan("medium", shape, Work("float32", at_once=4))
    new = str(no_room_for_tokens(plan, tmp_path / "t.wav"))
    assert "make other music with --dtype float16" in new
    assert "--overwrite" not in new
    state_path(tmp_path / "t.wav").write_bytes(b"")
    begun = str(no_room_for_tokens(plan, tmp_path / "t.wav"))
    assert "the same command, which goes on; or make other music with --dtype float16 --overwrite" in begun
    assert "--resume" not in begun


def test_fades_that_are_longer_than_the_track(tiny_musicgen: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--fade-in 99 s is longer than the track, 0\.3 s"):
        make(tiny_musicgen, tmp_path / "t.wav", finish=FinishOptions(fade_in=99))


def test_a_style_that_is_none_names_the_flag_of_this_command(tiny_musicgen: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a style of your own: --style-folders,"):
        make(tiny_musicgen, tmp_path / "t.wav", style="nosuch")
