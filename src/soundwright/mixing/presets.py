"""Mixers by name: the small one of ours, and the models of document 004."""

from __future__ import annotations

from typing import Any

from soundwright.mixing.model.settings import MixerSettings

#: What the shipped mixer was trained for; it never uses others.
TINY_TOOLS = ("change_volume", "apply_pan", "apply_eq")

#: `tiny`: all of it is ours and shipped, 1.0 million weights. Its decoder was trained whole, for LoRA on random weights
#: hardly learns (a loss of 3.09 against 0.89 after as many steps). It has no audio encoder: CLAP normalises its
#: embedding, so it hides the level, and it costs more than everything else; the features hear what the tools change.
TINY = MixerSettings(lora=None, tools=TINY_TOOLS)

#: `document`: the models that document 004 names, frozen, with LoRA on the decoder.
DOCUMENT: dict[str, Any] = {
    "text_model": "google-bert/bert-base-uncased",
    "audio_model": "laion/larger_clap_music_and_speech",
    "decoder": "mistralai/Mistral-7B-v0.1",
}

PRESETS: dict[str, MixerSettings] = {"tiny": TINY, "document": MixerSettings.model_validate(DOCUMENT)}
