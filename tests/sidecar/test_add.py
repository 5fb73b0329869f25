"""Step 4: every clip gets the same columns, or is told why not; nothing is lost on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from soundwright.core.errors import UsageError
from soundwright.formats import conditions, sidecar
from soundwright.formats.sidecar import SidecarFeature
from soundwright.runs.options import RunOptions
from soundwright.sidecar.add import Answer, add


def test_the_documented_example(shop, keys) -> None:
    shop.init()
    summary = shop.add("--const", "scene_id=7", "--lin", "gain=0:1", producer=["const", "lin"], mode="append")
    assert summary.exit_code == 0
    for key in keys:
        found = shop.read(key)
        assert found.names == ("scene_id", "gain")
        assert set(found.column("scene_id")) == {7}
        np.testing.assert_array_equal(found.column("gain"), np.linspace(0, 1, found.num_frames).astype(np.float16))
    schema = shop.conditions()
    assert (schema.columns, schema.num_clips, schema.num_incomplete) == (("scene_id", "gain"), 3, 0)
    measured = schema.parameters["gain"].measured
    assert measured is not None
    whole = np.concatenate([shop.read(key).column("gain") for key in keys]).astype(float)
    assert (measured.count, measured.min, measured.max) == (32, 0, 1)
    assert measured.mean == pytest.approx(whole.mean(), rel=1e-12)
    assert measured.std == pytest.approx(whole.std(), rel=1e-12)


def test_append_keeps_and_overwrite_replaces(shop, keys) -> None:
    shop.add("--const", "a=1", producer="const")
    shop.add("--const", "b=2", producer="const")
    assert shop.read(keys[0]).names == ("a", "b")
    shop.add("--const", "a=3", producer="const")
    assert list(shop.read(keys[0]).values[0]) == [3, 2]
    shop.add("--const", "c=3", producer="const", mode="overwrite")
    assert shop.read(keys[0]).names == ("c",)
    assert list(shop.conditions().parameters) == ["c"]


def test_changed_is_said_only_of_what_changed(shop) -> None:
    assert shop.add("--const", "a=1", producer="const").notes == ["3 sidecars changed, 0 held these values already"]
    before = {path: path.stat().st_mtime_ns for path in shop.params.rglob("*.cond.*")}
    assert shop.add("--const", "b=1", producer="const").done == 3
    shop.add("--const", "b=1", producer="const", mode="append")
    changed = shop.add("--const", "a=1", producer="const")
    assert changed.notes == ["0 sidecars changed, 3 held these values already"]
    assert before.keys() == set(shop.params.rglob("*.cond.*"))
    summary = shop.add("--const", "a=1", producer="const")
    assert (summary.done, summary.skipped, summary.notes) == (0, 3, [])


def test_missing_sidecars_are_made_on_request_only(shop, keys) -> None:
    shop.init()
    for path in (shop.npy(keys[0]), Path(sidecar.json_of(str(shop.npy(keys[0]))))):
        path.unlink()
    summary = shop.add("--const", "a=1", producer="const", create_missing=False)
    [(key, error)] = summary.failures
    assert (key, summary.done) == (f"{keys[0]}.ecdc", 2)
    assert "--create-missing" in str(error)
    assert shop.add("--const", "a=1", producer="const").exit_code == 0
    assert shop.read(keys[0]).names == ("a",)


def test_a_clip_that_lacks_a_parameter_is_refused_and_left_as_it_was(shop, keys) -> None:
    shop.token("odd_pitch_3")
    shop.init()
    summary = shop.add(producer="from_filename")
    [(key, error)] = summary.failures
    assert key == "odd_pitch_3.ecdc"
    assert "has no amp; 3 of 4 clips have it" in str(error)
    assert "--fill amp=VALUE" in str(error)
    assert (summary.exit_code, summary.done) == (1, 3)
    assert shop.read("odd_pitch_3").names == ()
    schema = shop.conditions()
    assert (schema.num_clips, schema.incomplete) == (3, ("odd_pitch_3.ecdc",))
    assert shop.add(producer="from_filename", skip_errors=True).exit_code == 0
    # explicitly filled, and said so
    assert shop.add(producer="from_filename", fill=["amp=0.25"]).exit_code == 0
    found = shop.read("odd_pitch_3")
    assert list(found.values[0]) == [3, 0.25]
    assert [found.features[name].filled for name in found.names] == [False, True]
    assert not any(feature.filled for feature in shop.read(keys[0]).features.values())
    assert shop.conditions().num_incomplete == 0
    # another fill value replaces the first, and a real value is never replaced
    shop.add(producer="from_filename", fill=["amp=0.5", "pitch=9"])
    assert list(shop.read("odd_pitch_3").values[0]) == [3, 0.5]
    with pytest.raises(UsageError, match="no clip has this parameter"):
        shop.add(producer="from_filename", fill=["tempo=3"])


def test_a_clip_of_which_nothing_is_known_can_be_filled(shop) -> None:
    for key in ("nothing1", "nothing2", "nothing3", "nothing4"):
        shop.token(key)
    summary = shop.add(producer="from_filename")
    assert {str(error).split(": ")[1][:30] for _, error in summary.failures} == {"from_filename finds no paramet"}
    assert (summary.done, shop.conditions().columns) == (3, ("pitch", "amp"))
    assert shop.add(producer="from_filename", fill=["pitch=0"]).exit_code == 1
    assert shop.add(producer="from_filename", fill=["pitch=0", "amp=0"]).exit_code == 0
    assert all(feature.filled for feature in shop.read("nothing1").features.values())


def test_one_odd_name_does_not_refuse_the_others(shop) -> None:
    shop.token("d_pitch_1_amp_1_take_2")
    summary = shop.add(producer="from_filename")
    [(key, error)] = summary.failures
    assert key == "d_pitch_1_amp_1_take_2.ecdc"
    assert "take, as only 1 of 4 clips" in str(error)
    assert shop.conditions().columns == ("pitch", "amp")
    assert shop.add("--filename-names", "pitch,amp", producer="from_filename").exit_code == 0


def test_a_new_clip_cannot_do_without_the_columns_of_the_tree(shop) -> None:
    shop.add("--const", "a=1", producer="const")
    for i in range(9):
        shop.token(f"new{i}")
    summary = shop.add("--const", "b=1", producer="const")
    assert len(summary.failures) == 9
    assert "has no a; 3 of 12 clips have it" in str(summary.failures[0][1])
    assert shop.add("--const", "a=1", "b=1", producer="const").exit_code == 0
    assert shop.conditions().columns == ("a", "b")


def test_columns_have_one_order_in_all_files(shop) -> None:
    for key in ("x_amp_1_pitch_2", "0_amp_1_pitch_2", "sub/y_amp_1_pitch_2"):
        shop.token(key)
    shop.add(producer="from_filename")
    names = {sidecar.read(path).names for path in shop.params.rglob("*.npy")}
    assert names == {("amp", "pitch")}
    assert shop.read("x_amp_1_pitch_2").column("pitch")[0] == 2


def test_files_of_another_tool_are_brought_to_one_order(shop, keys) -> None:
    for key, names in zip(keys, [("a", "b"), ("b", "a"), ("a", "b")], strict=True):
        num_frames = sidecar.paths(key) and {keys[0]: 10, keys[1]: 21, keys[2]: 1}[key]
        values = np.tile(np.array([1.0 if name == "a" else 2.0 for name in names], np.float32), (num_frames, 1))
        shop.npy(key).parent.mkdir(parents=True, exist_ok=True)
        np.save(shop.npy(key), values)
        raw = {"schema_version": 1, "fps": 75, "names": names, "source_rate": 75, "norm": {}}
        Path(sidecar.json_of(str(shop.npy(key)))).write_text(json.dumps(raw))
    shop.init()
    shop.add("--const", "c=3", producer="const")
    for key in keys:
        found = shop.read(key)
        assert found.names == ("a", "b", "c")
        assert list(found.values[0]) == [1, 2, 3]
        assert found.values.dtype == np.float32


@pytest.mark.parametrize("value", ["4097", "2049", "70000", "-1e6"])
def test_what_float16_cannot_hold_is_refused_with_the_remedy(shop, keys, value: str) -> None:
    shop.init()
    summary = shop.add("--const", f"a={value}", producer="const")
    assert len(summary.failures) == 3
    assert "float16 cannot hold" in str(summary.failures[0][1])
    assert "--dtype float32" in str(summary.failures[0][1])
    assert (shop.conditions().columns, shop.conditions().num_clips) == ((), 3)
    shop.add("--const", f"a={value}", producer="const", dtype="float32")
    assert shop.read(keys[0]).values[0, 0] == float(value)


def test_what_float16_rounds_is_accepted(shop, keys) -> None:
    shop.add("--const", "hz=440.3", "even=4096", "--lin", "x=0:1", producer=["const", "lin"])
    assert shop.read(keys[0]).column("hz")[0] == pytest.approx(440.3, rel=2**-11)


def test_converting_back_is_refused_where_it_would_lose(shop) -> None:
    shop.add("--const", "a=4097", producer="const", dtype="float32")
    before = shop.files()
    assert shop.add("--const", "b=1", producer="const", dtype="float16").exit_code == 1
    after = shop.files()
    assert {k: v for k, v in after.items() if k != "conditions.json"} == {
        k: v for k, v in before.items() if k != "conditions.json"
    }


def test_a_value_outside_the_declared_range_is_refused(shop, tmp_path, keys) -> None:
    (tmp_path / "s.yaml").write_text("parameters: {pitch: {range: [1, 62]}}")
    shop.init(schema=tmp_path / "s.yaml")
    [(key, error)] = shop.add(producer="from_filename").failures
    assert key == f"{keys[1]}.ecdc"
    assert "values from 64 to 64, declared are 1 to 62" in str(error)


def test_classes(shop, tmp_path) -> None:
    assert "no classes are declared" in str(shop.add("--const", "k=flute", producer="const").failures[0][1])
    (tmp_path / "s.yaml").write_text("parameters: {k: {type: class, classes: [oboe, flute]}, id: {type: class}}")
    shop.init(schema=tmp_path / "s.yaml")
    assert "none of the classes" in str(shop.add("--const", "k=fl", producer="const").failures[0][1])
    assert "whole numbers from 0 to 1" in str(shop.add("--const", "k=2", producer="const").failures[0][1])
    assert "whole numbers from 0;" in str(shop.add("--const", "id=.5", producer="const").failures[0][1])
    assert shop.add("--const", "k=flute", "id=7", producer="const").exit_code == 0
    assert shop.conditions().parameters["k"].measured.max == 1


def test_two_producers_of_one_parameter_are_an_error(shop) -> None:
    with pytest.raises(UsageError, match="const and lin both give gain"):
        shop.add("--const", "gain=1", "--lin", "gain=0:1", producer=["const", "lin"])
    assert shop.files() == {}
    with pytest.raises(UsageError, match="given twice"):
        shop.add("--const", "a=1", producer=["const", "const"])


def test_half_replaced_and_foreign_length(shop, keys) -> None:
    shop.add("--const", "a=1", producer="const")
    shop.npy(keys[0]).write_bytes(b"x")
    shop.token(keys[1], 320)
    summary = shop.add("--const", "b=1", producer="const")
    told = {key: str(error) for key, error in summary.failures}
    assert "half replaced" in told[f"{keys[0]}.ecdc"] or "lacks" in told[f"{keys[0]}.ecdc"]
    assert "has 21 frames, its token file 1" in told[f"{keys[1]}.ecdc"]
    assert shop.read(keys[2]).names == ("a", "b")
    assert shop.add("--const", "a=1", "b=1", producer="const", mode="overwrite").exit_code == 0
    assert {sidecar.read(path).names for path in shop.params.rglob("*.npy")} == {("a", "b")}


@pytest.mark.parametrize("another_first", [False, True])
@pytest.mark.parametrize("killed_write", range(1, 7))
def test_a_kill_at_any_rename_loses_nothing(shop, keys, monkeypatch, killed_write: int, another_first: bool) -> None:
    """Three renames per sidecar (pending JSON, .npy, JSON): whichever is the last one, the rerun ends alike."""

    class Killed(BaseException):
        pass

    shop.add("--const", "a=1", producer="const")
    renames = 0
    real = os.replace

    def replace(source: object, target: object) -> None:
        nonlocal renames
        if ".cond." in str(target):
            renames += 1
            if renames == killed_write:
                raise Killed
        real(source, target)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replace)
        with pytest.raises(Killed):
            shop.add("--const", "b=2", producer="const")
    if another_first:  # it tells of clips that have b while others do not; nothing is lost by it
        shop.add("--const", "c=3", producer="const")
        shop.add("--const", "b=2", producer="const")
    assert shop.add("--const", "b=2", "c=3", producer="const").exit_code == 0
    for key in keys:
        found = shop.read(key)
        assert sorted(zip(found.names, found.values[0], strict=True)) == [("a", 1), ("b", 2), ("c", 3)]
    assert len({sidecar.read(path).names for path in shop.params.rglob("*.npy")}) == 1
    assert not list(shop.params.rglob("*.pending"))


SLOW = '''
from soundwright.sidecar.producers import Producer
import os, time
class Slow(Producer):
    """A producer that kills its own process at the second clip."""
    def features(self, clip):
        from soundwright.sidecar.producers import Feature
        return {"slow": Feature()}
    def produce(self, clip):
        mark = os.environ["MARK"]
        if os.path.exists(mark):
            os.unlink(mark)
            os.kill(os.getpid(), 9)
        return {"slow": 1.0}
'''


def test_a_killed_run_is_finished_by_the_same_command(shop, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "slow.py").write_text(SLOW)
    (tmp_path / "mark").write_text("")
    shop.init()
    code = (
        "import sys; from pathlib import Path; from soundwright.sidecar.add import add;"
        "from soundwright.runs.options import RunOptions;"
        f"r = add(audio_root=Path({str(shop.tokens)!r}), producer=['slow'], options=RunOptions(workers=1),"
        f"producers_dir=Path({str(tmp_path / 'mine')!r})); sys.exit(r.exit_code)"
    )
    environment = {**os.environ, "MARK": str(tmp_path / "mark")}
    first = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert first.returncode == -signal.SIGKILL
    second = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert shop.conditions().columns == ("slow",)
    assert shop.conditions().num_incomplete == 0


def test_shards_give_what_one_run_gives(shop, tmp_path) -> None:
    shop.add("--lin", "g=0:1", producer=["lin", "from_filename"])
    whole = shop.files()
    for path in whole:
        (shop.params / path).unlink()
    for index in range(2):
        options = RunOptions(workers=1, shard_index=index, shard_count=2)
        shop.add("--lin", "g=0:1", producer=["lin", "from_filename"], options=options)
    assert shop.files() == whole


def test_two_commands_never_edit_one_tree_at_once(shop) -> None:
    from soundwright.runs.locks import lock

    shop.init()
    with (
        lock(shop.params / ".soundwright" / "sidecar" / "lock"),
        pytest.raises(UsageError, match="another run"),
    ):
        shop.add("--const", "a=1", producer="const")


def test_listing_and_help_need_no_tokens() -> None:
    listed = add(list_producers=True)
    assert isinstance(listed, Answer)
    assert [line.split()[0] for line in listed.lines()] == ["const", "from_audio", "from_filename", "lin", "table"]
    shown = add(show_producer=["const"])
    assert isinstance(shown, Answer)
    assert "--const" in shown.text
    assert "--audio-root" not in shown.text
    page = add(producer=["const", "lin"], help=True)
    assert isinstance(page, Answer)
    assert all(flag in page.text for flag in ("--audio-root", "--const", "--lin"))


def test_wrong_usage_is_told(shop) -> None:
    for options, told in [
        ({"producer": ["const"]}, "--audio-root is missing"),
        ({"audio_root": shop.tokens}, "--producer is missing"),
        ({"audio_root": shop.tokens, "producer": ["const"]}, "const has nothing to do"),
        ({"audio_root": shop.tokens, "producer": ["nope"]}, "there is no producer 'nope'"),
        ({"audio_root": shop.tokens, "producer": ["const"], "producers_dir": shop.root / "no"}, "is no folder"),
        ({"audio_root": shop.tokens, "producer": ["lin"], "audio_files": shop.root / "no"}, "is no folder"),
    ]:
        with pytest.raises(UsageError, match=told):
            add(**options)  # type: ignore[arg-type]


def test_the_sidecars_lie_where_the_tree_remembers(shop, keys) -> None:
    shop.init()
    summary = add("--const", "a=1", audio_root=shop.tokens, producer=["const"], options=RunOptions(workers=1))
    assert not isinstance(summary, Answer)
    assert shop.read(keys[0]).features == {"a": SidecarFeature()}
    assert conditions.cond_root_of(shop.tokens) == shop.params
