"""Tiny MusicGens with random weights, as `save_pretrained` writes them: built offline in a second, 1 to 2 MB each.

Everything goes through the public classes of `transformers`, so that a folder here is what a checkpoint of the hub is
in names, files and shapes. The matrices of the decoder are sharpened: with the usual small random weights every logit
is about the same, and tokens that agree would prove little.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    EncodecConfig,
    EncodecFeatureExtractor,
    MusicgenConfig,
    MusicgenForConditionalGeneration,
    MusicgenMelodyConfig,
    MusicgenMelodyForConditionalGeneration,
    MusicgenProcessor,
    PreTrainedTokenizerFast,
    T5Config,
)
from transformers.utils import logging

Kind = Literal["mono", "stereo", "melody", "stereo-melody"]

#: How much the decoder's matrices are multiplied by.
SHARPNESS = 5.0
#: One code per codebook and frame, below this.
CODEBOOK_SIZE = 64
#: The chroma settings of a melody folder; Meta's are 4096, 16384 and 30 seconds.
CHROMA = {"hop_length": 48_000, "n_fft": 4096, "chunk_length": 30, "num_chroma": 12, "sampling_rate": 32_000}
CHROMA_LENGTH = 21  # of 30 seconds

#: Whole words of the tokenizer; everything else is spelled.
_WORDS = ["▁bpm", "▁kick", "▁bass", "▁drums", "▁piano", "▁jazz", "▁ambient", "▁no", "▁vocals", "▁slow", "▁industrial"]


def build_tiny_musicgen(folder: Path, kind: Kind = "mono", *, seed: int = 0, sharded: bool = False) -> Path:
    """Writes a tiny MusicGen into `folder` and returns it.

    Args:
        folder: made if it is missing.
        kind: which of the four architectures.
        seed: of the weights.
        sharded: split the weights over several files with an index, as large checkpoints are.
    """
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # `pad_token_id` lies outside the vocabulary in every MusicGen; it is told each time
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = _model(kind)
        model.save_pretrained(folder, max_shard_size="300KB" if sharded else "50GB")
    finally:
        logging.set_verbosity(verbosity)
    if kind.endswith("melody"):
        _tokenizer().save_pretrained(folder)
        extractor = {"feature_extractor_type": "MusicgenMelodyFeatureExtractor", "feature_size": 12, **CHROMA}
        (folder / "preprocessor_config.json").write_text(json.dumps(extractor, indent=2))
    else:
        channels = 2 if kind == "stereo" else 1
        MusicgenProcessor(
            EncodecFeatureExtractor(feature_size=channels, sampling_rate=32_000), _tokenizer()
        ).save_pretrained(folder)
    return folder


def _model(kind: Kind) -> MusicgenForConditionalGeneration | MusicgenMelodyForConditionalGeneration:
    channels = 2 if kind.startswith("stereo") else 1
    text = T5Config(
        vocab_size=len(_tokenizer()),
        d_model=24,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="relu",
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    codec = EncodecConfig(
        sampling_rate=32_000,
        audio_channels=1,
        normalize=False,
        num_filters=4,
        hidden_size=16,
        upsampling_ratios=[8, 5, 4, 4],  # a hop of 640 samples: 50 frames a second
        codebook_size=CODEBOOK_SIZE,
        codebook_dim=16,
        target_bandwidths=[1.2],  # 1000 * 1.2 // (50 * log2(64)) = 4 codebooks
        norm_type="weight_norm",
        use_causal_conv=False,
        num_lstm_layers=2,
        pad_mode="reflect",
        chunk_length_s=None,
    )
    decoder = {
        "vocab_size": CODEBOOK_SIZE,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "ffn_dim": 64,
        "num_codebooks": 4 * channels,
        "audio_channels": channels,
        "pad_token_id": CODEBOOK_SIZE,
        "bos_token_id": CODEBOOK_SIZE,
        "dropout": 0.0,
        "is_decoder": True,
        "add_cross_attention": not kind.endswith("melody"),
    }
    model: MusicgenForConditionalGeneration | MusicgenMelodyForConditionalGeneration
    if kind.endswith("melody"):
        parts = {"text_encoder": text, "audio_encoder": codec, "decoder": decoder}
        model = MusicgenMelodyForConditionalGeneration(MusicgenMelodyConfig(**parts, chroma_length=CHROMA_LENGTH))
    else:
        model = MusicgenForConditionalGeneration(
            MusicgenConfig(text_encoder=text, audio_encoder=codec, decoder=decoder)
        )
    model = model.eval()
    with torch.no_grad():
        for layer in model.audio_encoder.quantizer.layers:
            layer.codebook.embed.normal_()  # the codebooks begin as zeros, which is silence
        for name, parameter in model.decoder.named_parameters():
            if parameter.ndim == 2:
                parameter.mul_(SHARPNESS)
            elif name.endswith("bias"):
                parameter.normal_(std=0.1)  # they begin as zeros, and a bias that is lost would not be missed
        for name, parameter in model.named_parameters():
            if name.startswith(("enc_to_dec_proj", "audio_enc_to_dec_proj")):
                parameter.normal_(std=0.3)
    generation = model.generation_config
    generation.do_sample, generation.guidance_scale, generation.top_k = True, 3.0, 250
    generation.max_length = 1500
    generation.pad_token_id = generation.bos_token_id = CODEBOOK_SIZE
    generation.decoder_start_token_id = CODEBOOK_SIZE
    return model


def _tokenizer() -> PreTrainedTokenizerFast:
    # Written down and not trained: training gives slightly different scores each time.
    spelled = "▁abcdefghijklmnopqrstuvwxyz0123456789.,:;-!'"
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0)]
    vocabulary += [(character, -5.0) for character in spelled] + [(word, -6.0) for word in _WORDS]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )
