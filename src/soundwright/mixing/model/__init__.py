"""The mixer's network: text encoder, audio encoder, fusion, decoder with LoRA, heads (document 004)."""
