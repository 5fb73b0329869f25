"""Transformers over raw PCM samples: their data, their heads, their training and their weights."""
