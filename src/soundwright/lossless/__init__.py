"""Audio transformers on PCM, and lossless compression: document 001 and what it is for."""
