"""`codec encode`: a folder of recordings to token files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from soundwright.codec.encode import encode
from soundwright.codec.encode_plan import EncodePlan
from soundwright.codec.encodec import EncodecCodec
from soundwright.codec.encodec_random import synthesize
from soundwright.codec.pocket.config import PocketConfig
from soundwright.codec.pocket.training.export import pack_weights
from soundwright.codec.pocket.training.network import Pocket, cut_windows
from soundwright.core.errors import UsageError
from soundwright.formats import ecdc, torch_tokens
from soundwright.runs.options import RunOptions
from soundwright.runs.summary import RunSummary

pytestmark = pytest.mark.usefixtures("one_thread")

ONE = RunOptions(workers=1)
NAMES = ("a.wav", "sub/stéréo ü.wav", "sub/deep/line\nbreak.wav", "foo_amp_.75.wav")


def write(path: Path, samples: np.ndarray, sample_rate: int = 24_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sample_rate, subtype="PCM_16")


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    for index, name in enumerate(NAMES):
        write(tmp_path / "in" / name, synthesize("music", 3000 + 331 * index, index))
    return tmp_path / "in"


def run(recordings: Path, output: Path, folder: Path, **options: object) -> RunSummary:
    summary = encode(recordings, output, codec=str(folder), **{"options": ONE, **options})
    assert isinstance(summary, RunSummary)
    return summary


def plan(recordings: Path, output: Path, **options: object) -> EncodePlan:
    found = encode(recordings, output, codec="weights-are-not-needed", **options)
    assert isinstance(found, EncodePlan)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in sorted(folder.rglob("*.ecdc")) if not path.name.startswith(".")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_every_file_becomes_its_whole_file_tokens(recordings, tmp_path, encodec_folder, codec: EncodecCodec) -> None:
    summary = run(recordings, tmp_path / "out", encodec_folder)
    assert (summary.done, summary.failures, summary.warnings, summary.exit_code) == (4, [], [], 0)
    assert sorted(contents(tmp_path / "out")) == sorted(name[:-4] + ".ecdc" for name in NAMES)
    for name in NAMES:
        samples, _ = soundfile.read(recordings / name, dtype="float32")
        tokens = ecdc.read(tmp_path / "out" / (name.removesuffix(".wav") + ".ecdc"))
        assert np.array_equal(tokens.codes, codec.encode(samples, 8))
        assert (tokens.codec, tokens.revision) == ("encodec_24khz", codec.info.revision)
        assert (tokens.num_samples, tokens.bandwidth_kbps) == (len(samples), 6.0)
        assert tokens.source is not None
        assert len(tokens.source) == 64


def test_a_rerun_does_nothing_and_a_changed_file_is_done_again(recordings, tmp_path, encodec_folder) -> None:
    run(recordings, tmp_path / "out", encodec_folder)
    before = contents(tmp_path / "out")
    assert run(recordings, tmp_path / "out", encodec_folder).skipped == 4
    write(recordings / "a.wav", synthesize("speech", 5000))
    (tmp_path / "out" / "foo_amp_.75.ecdc").write_bytes(b"damaged")
    summary = run(recordings, tmp_path / "out", encodec_folder)
    after = contents(tmp_path / "out")
    assert (summary.done, summary.skipped) == (2, 2)
    assert [name for name in before if before[name] != after[name]] == ["a.ecdc"]


@pytest.mark.parametrize(("bandwidth", "num_codebooks"), [(1.5, 2), (24.0, 32)])
def test_bandwidth_is_the_number_of_codebooks(
    recordings, tmp_path, encodec_folder, bandwidth: float, num_codebooks: int
) -> None:
    run(recordings / "a.wav", tmp_path / "out", encodec_folder, bandwidth=bandwidth)
    assert ecdc.read(tmp_path / "out" / "a.ecdc").num_codebooks == num_codebooks


def test_other_bandwidths_are_refused(recordings, tmp_path, encodec_folder) -> None:
    with pytest.raises(UsageError, match=r"no bandwidth of 5 kbps.*1.5, 3, 6, 12, 24"):
        run(recordings, tmp_path / "out", encodec_folder, bandwidth=5)


def test_another_bandwidth_in_the_same_tree_is_refused(recordings, tmp_path, encodec_folder) -> None:
    run(recordings, tmp_path / "out", encodec_folder)
    before = contents(tmp_path / "out")
    with pytest.raises(UsageError, match=r"holds other token files \(4 of encodec_24khz.*6 kbps.*3 kbps.*--overwrite"):
        run(recordings, tmp_path / "out", encodec_folder, bandwidth=3)
    assert contents(tmp_path / "out") == before
    assert run(recordings, tmp_path / "out", encodec_folder, bandwidth=3, overwrite=True).done == 4
    assert {ecdc.decode(data).num_codebooks for data in contents(tmp_path / "out").values()} == {4}


def test_other_weights_beside_a_token_file_from_elsewhere_are_refused(recordings, tmp_path, encodec_folder) -> None:
    header = ecdc.TokenHeader("encodec_24khz", 320, 8, "000000000000")
    ecdc.write(tmp_path / "out" / "other.ecdc", ecdc.TokenFile.of(header, np.zeros((8, 1), np.uint16)))
    with pytest.raises(UsageError, match="1 of encodec_24khz with weights 000000000000"):
        run(recordings, tmp_path / "out", encodec_folder)


def test_a_file_that_encode_did_not_write_is_kept(recordings, tmp_path, encodec_folder, codec) -> None:
    header = ecdc.TokenHeader("encodec_24khz", 320, 8, codec.info.revision)
    ecdc.write(tmp_path / "out" / "a.ecdc", ecdc.TokenFile.of(header, np.zeros((8, 1), np.uint16)))
    summary = run(recordings, tmp_path / "out", encodec_folder)
    assert [str(error) for _, error in summary.failures] == [
        f"{tmp_path / 'out' / 'a.ecdc'}: exists already and was not made from this file -> move it, or give --overwrite"
    ]
    assert summary.exit_code == 1
    assert ecdc.read(tmp_path / "out" / "a.ecdc").num_samples == 320


def test_other_rates_and_channels_are_converted_and_said(tmp_path, encodec_folder, codec) -> None:
    left = synthesize("tone", 44_100, 2)
    write(tmp_path / "in" / "cd.wav", np.stack([left, left], axis=1), 44_100)
    summary = run(tmp_path / "in", tmp_path / "out", encodec_folder)
    assert summary.warnings == [("cd.wav", "resampled from 44100 to 24000 Hz, 2 channels mixed to one")]
    assert abs(ecdc.read(tmp_path / "out" / "cd.ecdc").num_samples - 24_000) <= 1


def test_bad_recordings_are_reported_and_the_others_done(recordings, tmp_path, encodec_folder) -> None:
    whole = (recordings / "a.wav").read_bytes()
    (recordings / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (recordings / "text.wav").write_text("no sound")
    soundfile.write(recordings / "empty.wav", np.zeros(0, np.float32), 24_000)
    soundfile.write(recordings / "nan.wav", np.full(400, np.nan, np.float32), 24_000, subtype="FLOAT")
    summary = run(recordings, tmp_path / "out", encodec_folder)
    assert (summary.done, summary.exit_code) == (4, 1)
    messages = {key: error.message for key, error in summary.failures}
    assert {key: message.split(":")[0] for key, message in messages.items()} == {
        "cut.wav": "is cut short",
        "empty.wav": "holds no samples",
        "nan.wav": "has samples that are NaN or infinite",
        "text.wav": "cannot be read as audio",
    }
    assert len(contents(tmp_path / "out")) == 4
    assert not list((tmp_path / "out").rglob("*.tmp*"))


def test_plans_need_no_weights(recordings, tmp_path, encodec_folder) -> None:
    assert plan(recordings, tmp_path / "out", dry_run=True).missing == tuple(sorted(NAMES))
    assert not (tmp_path / "out").exists()
    run(recordings, tmp_path / "out", encodec_folder)
    (recordings / "a.wav").unlink()
    write(recordings / "new.wav", synthesize("tone", 400))
    (tmp_path / "out" / "foo_amp_.75.ecdc").write_bytes(b"ECDC")
    found = plan(recordings, tmp_path / "out", list_missing=True)
    assert found.missing == ("foo_amp_.75.wav", "new.wav")
    assert (found.present, found.orphans) == (2, ("a.ecdc",))
    lines = list(found.lines())
    assert lines[0] == "missing: foo_amp_.75.wav"
    assert any(line.startswith("orphan: ") and "a.ecdc" in line for line in lines)
    assert any(line.startswith("damaged: ") and "foo_amp_.75.ecdc" in line for line in lines)
    assert lines[-1].startswith("encode: 2 to do, 2 there, 1 orphans")
    assert plan(recordings, tmp_path / "out", dry_run=True, overwrite=True).present == 0


def test_a_run_reports_orphans(recordings, tmp_path, encodec_folder) -> None:
    run(recordings, tmp_path / "out", encodec_folder)
    (recordings / "a.wav").unlink()
    (note,) = run(recordings, tmp_path / "out", encodec_folder).notes
    assert note.startswith("orphan: ")
    assert "a.ecdc" in note


def test_verify_passes_on_good_tokens(recordings, tmp_path, encodec_folder) -> None:
    summary = run(recordings, tmp_path / "out", encodec_folder, verify=True, verify_samples=2)
    assert summary.exit_code == 0
    assert summary.notes == ["verify: 4 token files read, 2 recordings encoded again, 0 differences"]


def test_verify_finds_one_wrong_code(recordings, tmp_path, encodec_folder) -> None:
    run(recordings, tmp_path / "out", encodec_folder)
    path = tmp_path / "out" / "a.ecdc"
    tokens = ecdc.read(path)
    tokens.codes[3, 5] ^= 1
    stat = os.stat(path)
    path.write_bytes(ecdc.encode(tokens))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a bad disk would: the time stamp stays
    summary = run(recordings, tmp_path / "out", encodec_folder, verify=True)
    assert summary.exit_code == 1
    ((key, error),) = summary.failures
    assert key == "a.wav"
    assert "found 1 of 80 different, the first in frame 5, codebook 3" in str(error)


def test_verify_finds_tokens_of_another_recording(recordings, tmp_path, encodec_folder) -> None:
    run(recordings, tmp_path / "out", encodec_folder)
    path = tmp_path / "out" / "a.ecdc"
    stat = os.stat(path)
    path.write_bytes(ecdc.encode(replace(ecdc.read(path), source="0" * 64)))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    summary = run(recordings, tmp_path / "out", encodec_folder, verify=True, verify_samples=0)
    assert [error.message.split()[:2] for _, error in summary.failures] == [["expected", "source"]]


def test_an_older_tree_is_not_mixed_with_ours(recordings, tmp_path, encodec_folder) -> None:
    header = ecdc.TokenHeader("encodec_24khz", 320, 8)
    (tmp_path / "out").mkdir()
    torch_tokens.write(tmp_path / "out" / "old.ecdc", ecdc.TokenFile.of(header, np.zeros((8, 1), np.uint16)))
    with pytest.raises(UsageError, match="1 of encodec_24khz at 6 kbps"):
        run(recordings, tmp_path / "out", encodec_folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"suffix": "ecdc"}, "--suffix"), ({"suffix": "./x"}, "--suffix"), ({"verify_samples": -1}, "--verify-samples")],
)
def test_wrong_options_are_named(recordings, tmp_path, encodec_folder, options, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(recordings, tmp_path / "out", encodec_folder, **options)


def test_output_that_is_input_or_a_file_is_refused(recordings, tmp_path, encodec_folder) -> None:
    with pytest.raises(UsageError, match="same folder"):
        run(recordings, recordings, encodec_folder)
    with pytest.raises(UsageError, match="it is a file"):
        run(recordings, recordings / "a.wav", encodec_folder)


def test_missing_weights_are_one_clear_line(recordings, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "no cache"))
    with pytest.raises(UsageError) as caught:
        encode(recordings, tmp_path / "out", options=ONE)
    line = str(caught.value)
    assert "--codec pocket" in line
    assert "hf download facebook/encodec_24khz" in line
    assert "\n" not in line
    assert not (tmp_path / "out").exists()


COMMAND = [sys.executable, "-c", "from soundwright.cli import main; main()", "codec", "encode"]


@pytest.fixture
def light_folder(tmp_path: Path) -> Path:
    """A codec that loads fast, since three processes load it."""
    torch.manual_seed(3)
    model = Pocket(PocketConfig(dim=24, hidden=16, latent=6, gate_bands=8))
    with torch.no_grad():
        latents, _ = model.encoder(cut_windows(0.1 * torch.randn(8, 200 * 320)))
        model.quantizer.initialise(latents.flatten(0, 1))
    folder = tmp_path / "pocket"
    folder.mkdir()
    (folder / "config.json").write_text('{"codec": "pocket", "licence": "none"}')
    (folder / "model.safetensors").write_bytes(pack_weights(model, {"licence": "none"}))
    return folder


def test_two_workers_and_a_kill_give_the_outputs_of_an_undisturbed_run(tmp_path, light_folder) -> None:
    for index in range(40):
        write(tmp_path / "in" / f"{index}.wav", synthesize("noise", 48_000, index))
    run(tmp_path / "in", tmp_path / "undisturbed", light_folder)
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--codec", str(light_folder)]
    process = subprocess.Popen([*COMMAND, *arguments, "--workers", "1"], stdout=subprocess.DEVNULL)
    while not contents(tmp_path / "out") and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    whole = contents(tmp_path / "undisturbed")
    killed = contents(tmp_path / "out")
    assert 1 <= len(killed) < 40
    assert killed.items() <= whole.items()
    done = subprocess.run([*COMMAND, *arguments, "--workers", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "out") == whole
    assert not list((tmp_path / "out").rglob("*.tmp*"))
