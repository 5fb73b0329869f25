"""The network: it can learn, it comes back whole, and base models are taken from base_models."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from soundwright.core.errors import BadInput, SoundwrightError, UsageError
from soundwright.mixing.bank import Passage, measure_passages
from soundwright.mixing.checkpoint import load_mixer, save_mixer
from soundwright.mixing.decode import speak
from soundwright.mixing.labels import CENTRES, SCALES, VALUES
from soundwright.mixing.model.audio_encoder import AudioEncoder, log_mel, mel_filters, prepare
from soundwright.mixing.model.contract import Inputs
from soundwright.mixing.model.mixer import Mixer, Said
from soundwright.mixing.model.network_model import NetworkModel
from soundwright.mixing.model.settings import LoraSettings, MixerSettings, OwnSizes, Thresholds
from soundwright.mixing.sampling import sample
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.tokens import IGNORE, decode, encode, number_of
from soundwright.mixing.training import MixerTask, lesson_loss, make_lesson
from soundwright.training.ranks import Place

SMALL = OwnSizes(hidden=32, layers=1, heads=2, inner=64)
SETTINGS = MixerSettings(own_text=SMALL, own_decoder=SMALL, hidden=48, layers=1, heads=2, dropout=0.0, lora=None)


@pytest.fixture(scope="module")
def passages() -> list[Passage]:
    return measure_passages("a/song", make_song(1, 16.0, 44_100), 44_100, [4.0])


@pytest.fixture(scope="module")
def lesson(passages):
    batch = sample(passages, [0, 1, 2, 3, 0, 1, 2, 3], seed=0, epoch=1)
    return make_lesson(batch, np.random.default_rng(0))


def new_mixer(settings: MixerSettings = SETTINGS) -> Mixer:
    torch.manual_seed(0)
    return Mixer(settings).eval()


def test_it_learns_eight_examples_by_heart(lesson):
    mixer = new_mixer().train()
    optimiser = torch.optim.AdamW(mixer.parameters(), 5e-3)
    first = last = None
    for _ in range(120):
        loss, parts = lesson_loss(mixer(lesson.inputs, lesson.said), lesson, mixer.grammar)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        last = float(parts["choice"].detach())
        first = last if first is None else first
    assert last < 0.02 < first
    with torch.no_grad():
        outputs = mixer.eval()(lesson.inputs, lesson.said)
    asked = lesson.said.choice != IGNORE
    assert torch.equal(outputs.scores.argmax(-1)[asked], lesson.said.choice[asked])


def test_step_by_step_it_says_what_it_says_all_at_once(lesson):
    mixer = new_mixer()
    loose = {kind: Thresholds(call=dict.fromkeys(mixer.settings.tools, 0.1)) for kind in mixer.settings.thresholds}
    spoken = speak(NetworkModel(mixer), lesson.inputs, loose)
    sequences = [encode(decode(s.tokens, n), n) for s, n in zip(spoken, lesson.inputs.names, strict=True)]
    said = Said.of(sequences)
    with torch.no_grad():
        outputs = mixer(lesson.inputs, said)
    rows, at = (said.column != IGNORE).nonzero(as_tuple=True)
    assert len(rows) > 50
    for row, place in zip(rows.tolist(), at.tolist(), strict=True):
        column = int(said.column[row, place])
        parameter = VALUES[column][1]
        value = float(outputs.values[row, place, column]) * float(SCALES[column]) + float(CENTRES[column])
        assert abs(parameter.snap(value) - number_of(int(said.ids[row, place + 1]))) <= parameter.step * 1.01


def test_without_any_training_everything_it_says_parses(lesson):
    from soundwright.mixing.contenders import executable

    mixer = new_mixer()
    loose = {kind: Thresholds(call=dict.fromkeys(mixer.settings.tools, 0.1)) for kind in mixer.settings.thresholds}
    said = speak(NetworkModel(mixer), lesson.inputs, loose)
    assert sum(len(calls) for s in said for calls in s.instructions.values()) > 20
    assert all(executable(s.instructions, list(lesson.inputs.names[row])) for row, s in enumerate(said))


def test_thresholds_and_tools_are_obeyed(lesson):
    mixer = new_mixer()
    never = {kind: Thresholds(touch=1.0) for kind in mixer.settings.thresholds}
    assert all(not s.instructions for s in speak(NetworkModel(mixer), lesson.inputs, never))
    mixer.use(mixer.settings.model_copy(update={"tools": ("apply_pan",)}))
    loose = {kind: Thresholds(call={"apply_pan": 0.0}) for kind in mixer.settings.thresholds}
    for said in speak(NetworkModel(mixer), lesson.inputs, loose):
        assert {c.tool for calls in said.instructions.values() for c in calls} <= {"apply_pan"}


@pytest.mark.parametrize("adapted", [False, True])
def test_a_mixer_comes_back_whole(lesson, tmp_path, adapted):
    mixer = new_mixer(SETTINGS.model_copy(update={"lora": LoraSettings(r=4)}))
    if adapted:
        mixer.decoder.adapt(LoraSettings(r=4))
        for name, parameter in mixer.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
    mixer.eval()
    save_mixer(mixer, tmp_path / "m", {"note": "a"})
    again, facts = load_mixer(tmp_path / "m")
    with torch.no_grad():
        one, other = (m(lesson.inputs, lesson.said) for m in (mixer, again))
    assert torch.equal(one.scores, other.scores)
    assert torch.equal(one.values, other.values)
    assert facts["note"] == "a"
    trained = {n for n, p in again.named_parameters() if p.requires_grad and n.startswith("decoder.network")}
    assert all("lora_" in name for name in trained) == adapted


def test_an_adapter_that_is_missing_or_another_is_told(tmp_path):
    mixer = new_mixer(SETTINGS.model_copy(update={"lora": LoraSettings(r=4)}))
    mixer.decoder.adapt(LoraSettings(r=4))
    save_mixer(mixer, tmp_path / "m", {}, beside={"small.safetensors": b"small"})
    tensors, small = tmp_path / "m/adapter/adapter_model.safetensors", tmp_path / "m/small.safetensors"
    for path in (tensors, small):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + b"x")
        with pytest.raises(BadInput, match=rf"{path.name} do not belong together"):
            load_mixer(tmp_path / "m")
        path.write_bytes(content)
    (tmp_path / "m/adapter").rename(tmp_path / "adapter")
    with pytest.raises(BadInput, match=r"holds no adapter/adapter_config\.json"):
        load_mixer(tmp_path / "m")


def test_a_mixer_of_another_schema_is_told_as_such(tmp_path):
    (tmp_path / "mixer.json").write_text('{"schema_version": 1}')  # which had no familiarity.safetensors
    with pytest.raises(BadInput, match="is a mixer of schema 1, and this version reads schema 2 -> train it again"):
        load_mixer(tmp_path)


def test_a_damaged_mixer_is_one_line(tmp_path):
    save_mixer(new_mixer(), tmp_path / "m", {})
    (tmp_path / "m" / "vocabulary.json").rename(tmp_path / "v")
    with pytest.raises(BadInput, match=r"vocabulary\.json"):
        load_mixer(tmp_path / "m")
    (tmp_path / "v").rename(tmp_path / "m" / "vocabulary.json")
    weights = tmp_path / "m" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"abcd")
    with pytest.raises(BadInput, match="belong together"):
        load_mixer(tmp_path / "m")
    with pytest.raises(UsageError, match="no mixer"):
        load_mixer(tmp_path / "other")


def test_base_models_from_folders_stay_frozen_and_the_rest_learns(base_models, passages, tmp_path):
    settings = SETTINGS.model_copy(
        update={
            "text_model": str(base_models["bert"]),
            "audio_model": str(base_models["clap"]),
            "decoder": str(base_models["mistral"]),
            "lora": LoraSettings(r=2, targets=("q_proj", "v_proj", "lm_head")),
        }
    )

    def build() -> Mixer:
        mixer = Mixer(settings)
        mixer.decoder.adapt(settings.lora)
        return mixer

    def sampler(mixer: Mixer, items: list[int], epoch: int):
        batch = sample(passages, items, seed=0, epoch=epoch)
        heard = np.zeros((*batch.presence.shape[:2], 24), np.float32) + 0.1
        return type(batch)(**{**batch.__dict__, "audio": heard})

    task = MixerTask(build, passages, batch_size=4, learning_rate=1e-2, sampler=sampler)
    torch.manual_seed(0)
    task.setup(Place())
    mixer = task.model.train()
    assert not mixer.text.bert.training
    assert not mixer.audio.clap.training
    assert not any(mixer.is_base(name) for name, p in mixer.named_parameters() if p.requires_grad)
    before = {name: tensor.clone() for name, tensor in mixer.full_state().items()}
    for step in range(2):
        loss, _ = task.loss(task.batch(step, 0, Place()), 1.0)
        task.optimiser.zero_grad()
        loss.backward()
        task.optimiser.step()
    after = mixer.full_state()
    assert all(torch.equal(after[name], before[name]) for name in before if mixer.is_base(name))
    assert not torch.equal(after["fusion.audio.weight"], before["fusion.audio.weight"])
    assert any("lora_B" in name and after[name].any() for name in after)
    save_mixer(mixer.eval(), tmp_path / "m", {})
    size = sum(path.stat().st_size for path in (tmp_path / "m").rglob("*") if path.is_file())
    assert size < 1_500_000  # nothing of the base models is in it
    again, _ = load_mixer(tmp_path / "m")
    lesson = task.batch(5, 0, Place())
    with torch.no_grad():
        assert torch.equal(again(lesson.inputs, lesson.said).scores, mixer(lesson.inputs, lesson.said).scores)


@pytest.mark.parametrize(
    ("part", "file"),
    [
        ("bert", "model.safetensors"),
        ("bert", "tokenizer.json"),
        ("mistral", "config.json"),
        ("clap", "model.safetensors"),
    ],
)
def test_a_base_model_that_lacks_a_file_is_one_line(base_models, tmp_path, part, file):
    import shutil

    broken = tmp_path / part
    shutil.copytree(base_models[part], broken)
    (broken / file).unlink()
    key = {"bert": "text_model", "mistral": "decoder", "clap": "audio_model"}[part]
    with pytest.raises(SoundwrightError) as caught:
        Mixer(SETTINGS.model_copy(update={key: str(broken)}))
    assert "\n" not in str(caught.value)
    assert part in str(caught.value)


def test_lora_on_a_layer_that_is_not_there_is_one_line():
    with pytest.raises(UsageError, match="no layer 'nothing'"):
        new_mixer().decoder.adapt(LoraSettings(targets=("nothing",)))


def test_our_log_mel_is_that_of_the_feature_extractor():
    from transformers import ClapFeatureExtractor

    sound = np.random.default_rng(0).normal(0, 0.1, 48_000 * 3).astype(np.float32)
    extractor = ClapFeatureExtractor(
        frequency_min=50, truncation="rand_trunc", padding="repeatpad"
    )  # as the hub has it
    theirs = extractor(sound, sampling_rate=48_000, return_tensors="np")["input_features"][0, 0]
    filters = torch.from_numpy(mel_filters()).float()
    ours = log_mel(prepare([sound], 48_000), torch.hann_window(1024), filters)[0]
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours.numpy(), theirs, atol=0.05)


def test_the_audio_encoder_hears_clips_of_any_length_and_rate(base_models):
    encoder = AudioEncoder(str(base_models["clap"]))
    rng = np.random.default_rng(0)
    heard = encoder([rng.normal(0, 0.1, (2, n)).astype(np.float32) for n in (1, 22_050, 12 * 22_050)], 22_050)
    assert heard.shape == (3, 24)
    assert torch.allclose(heard.norm(dim=1), torch.ones(3), atol=1e-4)


def test_a_loss_that_is_not_a_number_names_the_segment(passages):
    from dataclasses import replace

    bad = replace(
        passages[1], name="artist/bad", here=replace(passages[1].here, spread=passages[1].here.spread * np.nan)
    )
    task = MixerTask(lambda: Mixer(SETTINGS), [bad], batch_size=2, learning_rate=1e-3)
    task.setup(Place())
    with pytest.raises(SoundwrightError, match="artist/bad"):
        task.loss(task.batch(0, 0, Place()), 1.0)


def test_any_number_of_stems_under_any_names(passages):
    mixer = new_mixer()
    for count in (1, 2, 6):
        places = [p % 4 for p in range(count)]
        seen = sample([passages[0].take(places)], [0], seed=0, epoch=0, augment=False)
        inputs = Inputs(["x"], [[f"Stem №{i}" for i in range(count)]], seen.stem_features, seen.mix_features)
        speak(NetworkModel(mixer), inputs)
