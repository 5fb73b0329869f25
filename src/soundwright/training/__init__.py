"""The one training loop, its checkpoints and its record of numbers."""
