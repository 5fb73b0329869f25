"""What to install for AudioCraft today, from what its checkouts ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from soundwright.audiocraft.requirements import requirements
from soundwright.core.errors import UsageError

#: The requirements.txt of AudioCraft 1.3.0, and what its development asks for beyond.
RELEASE = """\
# please make sure you have already a pytorch install that is cuda enabled!
av==11.0.0
einops
flashy>=0.0.1
hydra-core>=1.1
hydra_colorlog
julius
num2words
numpy
sentencepiece
spacy>=3.6.1
torch==2.1.0
torchaudio>=2.0.0,<2.1.2
huggingface_hub
tqdm
transformers>=4.31.0  # need Encodec there.
xformers<0.0.23
demucs
librosa
gradio
torchmetrics
encodec
protobuf
torchvision==0.16.0
torchtext==0.16.0
"""
HEAD = RELEASE.replace("numpy\n", "numpy<2.0.0\n").replace("spacy>=3.6.1", "spacy==3.7.6")
HEAD += "soundfile\npesq\npystoi\ntorchdiffeq\n"


def asked(repo: Path, text: str) -> list[Requirement]:
    """What pip would read in the answer."""
    (repo / "requirements.txt").write_text(text)
    result = requirements(repo)
    assert result.exit_code == 0
    lines = [line.partition(" #")[0].strip() for line in result.lines() if not line.startswith("#")]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("text", [RELEASE, HEAD], ids=["1.3.0", "development"])
def test_the_real_lists(tmp_path: Path, text: str) -> None:
    found = {requirement.name: str(requirement.specifier) for requirement in asked(tmp_path, text)}
    assert found == {
        "av": "<19,>=12.3",
        "einops": "",
        "flashy": ">=0.0.1",
        "hydra-core": "<1.4,>=1.3",
        "hydra_colorlog": "",
        "julius": "",
        "num2words": "",
        "numpy": "",
        "sentencepiece": "",
        "huggingface_hub": "",
        "tqdm": "",
        "transformers": "<5,>=4.31",
        "librosa": "",
        "torchmetrics": "",
        "protobuf": "",
        "dora-search": "",
        "soundfile": "",
        "torchdiffeq": "",
    }


def test_every_change_is_told_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(HEAD)
    lines = list(requirements(tmp_path).lines())
    assert (
        "av>=12.3,<19  # instead of av==11.0.0: 11.0.0 has no wheel for every Python; these read the same samples"
        in lines
    )
    assert "# torch==2.1.0: left out: installed before, for the machine's GPU" in lines
    assert "einops" in lines, "passed on without a word"
    assert "dora-search  # what `python -m dora` is" in lines
    assert not any(line.startswith("soundfile  #") for line in lines), "asked for already"


def test_unknown_requirements_pass_as_they_are(tmp_path: Path) -> None:
    text = (
        "\n# a comment\n  new-thing[extra]>=1 ; python_version >= '3.9'  # why\n"
        "own @ git+https://example.org/own.git#egg=own\n--extra-index-url https://example.org/simple\n"
    )
    (tmp_path / "requirements.txt").write_text(text)
    lines = list(requirements(tmp_path).lines())
    assert lines[:3] == [
        "new-thing[extra]>=1 ; python_version >= '3.9'",
        "own @ git+https://example.org/own.git#egg=own",
        "--extra-index-url https://example.org/simple",
    ]
    assert len(lines) == 6, "and the three additions"


@pytest.mark.parametrize("spelled", ["Hydra_Core>=1.1", "hydra.core >=1.1", "hydra-core[x]>=1.1", "HYDRA-CORE~=1.1"])
def test_a_package_is_known_however_it_is_spelled(tmp_path: Path, spelled: str) -> None:
    first, *_ = asked(tmp_path, spelled + "\n")
    assert str(first.specifier) == "<1.4,>=1.3"


def test_what_is_changed_keeps_the_systems_it_is_asked_for(tmp_path: Path) -> None:
    first, *_ = asked(tmp_path, 'av==11.0.0; python_version < "3.12"\n')
    assert str(first) == 'av<19,>=12.3; python_version < "3.12"'


def test_what_is_asked_for_already_is_not_added_again(tmp_path: Path) -> None:
    names = [requirement.name for requirement in asked(tmp_path, "Dora_Search>=0.1.12\nsoundfile\ntorchdiffeq\n")]
    assert names == ["Dora_Search", "soundfile", "torchdiffeq"]


def test_no_checkout_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"requirements\.txt: cannot be read: No such file .*clone AudioCraft"):
        requirements(tmp_path)
