"""A MusicGen with random weights, large enough that its memory can be told from that of the process."""

from __future__ import annotations

from pathlib import Path

from tiny_musicgen import _tokenizer  # type: ignore[import-not-found]
from transformers import (
    EncodecConfig,
    EncodecFeatureExtractor,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForConditionalGeneration,
    MusicgenProcessor,
    T5Config,
)


def build_middle_musicgen(folder: Path) -> Path:
    """Writes it into `folder` and returns that."""
    text = T5Config(vocab_size=len(_tokenizer()), d_model=256, d_kv=32, d_ff=512, num_layers=2, num_heads=8)
    codec = EncodecConfig(
        sampling_rate=32_000,
        audio_channels=1,
        normalize=False,
        num_filters=32,
        hidden_size=128,
        upsampling_ratios=[8, 5, 4, 4],
        codebook_size=2048,
        codebook_dim=128,
        target_bandwidths=[2.2],
        use_causal_conv=False,
        chunk_length_s=None,
    )
    decoder = MusicgenDecoderConfig(
        vocab_size=2048,
        hidden_size=768,
        num_hidden_layers=6,
        num_attention_heads=12,
        ffn_dim=3072,
        num_codebooks=4,
        audio_channels=1,
        pad_token_id=2048,
        bos_token_id=2048,
        is_decoder=True,
        add_cross_attention=True,
    )
    config = MusicgenConfig(text_encoder=text, audio_encoder=codec, decoder=decoder)
    model = MusicgenForConditionalGeneration(config).eval()
    for layer in model.audio_encoder.quantizer.layers:
        layer.codebook.embed.normal_()
    model.generation_config.pad_token_id = model.generation_config.decoder_start_token_id = 2048
    model.save_pretrained(folder)
    MusicgenProcessor(EncodecFeatureExtractor(feature_size=1, sampling_rate=32_000), _tokenizer()).save_pretrained(
        folder
    )
    return folder
