"""What a mixer is made of: names or folders of base models, sizes, LoRA, thresholds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from soundwright.mixing.features import EVIDENCE
from soundwright.mixing.labels import TOOL_NAMES

#: In place of a name or folder: a model of ours, built from sizes and kept with the mixer.
OWN = "own"


class LoraSettings(BaseModel):
    """How the decoder is adapted (Hu et al., 2021).

    Attributes:
        r: rank.
        alpha: scale; the update counts alpha / r.
        dropout: of its input, in training.
        targets: names of linear layers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    r: int = Field(default=8, ge=1)
    alpha: int = Field(default=16, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class OwnSizes(BaseModel):
    """Sizes of a transformer that is built here.

    Attributes:
        hidden: features of a position.
        layers: blocks.
        heads: of attention; divides `hidden`.
        inner: features inside the MLP.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(ge=8)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    inner: int = Field(ge=8)


class Thresholds(BaseModel):
    """How sure the mixer must be, by kind of evidence; found on validation songs.

    Attributes:
        call: by tool, how likely the call must be among what may follow; 0.5 where a tool is not named.
        touch: how likely it must be that anything is wrong at all.
        doubt: a call whose arguments are expected to be off by more than this part of their size is not said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    call: dict[str, float] = {}
    touch: float = Field(default=0.0, ge=0, le=1)
    doubt: float = Field(default=10.0, gt=0)


class MixerSettings(BaseModel):
    """A mixer's shape.

    Attributes:
        text_model: hub name or folder of a BERT, or `own`.
        audio_model: hub name or folder of a CLAP, `own`, or None for none.
        decoder: hub name or folder of a Mistral (or another causal decoder), or `own`.
        own_text: sizes of an own text encoder.
        own_decoder: sizes of an own decoder.
        hidden: features of the fusion.
        layers: blocks of the fusion.
        heads: of its attention.
        dropout: in the fusion, in training.
        lora: of the decoder; None trains an own decoder whole.
        tools: those it may use.
        thresholds: by kind of evidence, `features.EVIDENCE`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text_model: str = OWN
    audio_model: str | None = None
    decoder: str = OWN
    own_text: OwnSizes = OwnSizes(hidden=64, layers=2, heads=2, inner=128)
    own_decoder: OwnSizes = OwnSizes(hidden=96, layers=2, heads=4, inner=256)
    hidden: int = Field(default=160, ge=8)
    layers: int = Field(default=2, ge=0)
    heads: int = Field(default=4, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    lora: LoraSettings | None = LoraSettings()
    tools: tuple[str, ...] = TOOL_NAMES
    thresholds: dict[str, Thresholds] = {kind: Thresholds() for kind in EVIDENCE}

    def is_own(self) -> bool:
        """Whether all parts are our own, so that the mixer computes in NumPy."""
        return self.text_model == self.decoder == OWN and self.audio_model is None and self.lora is None
