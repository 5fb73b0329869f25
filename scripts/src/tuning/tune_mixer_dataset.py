"""Document 004's dataset of the mixer's training: segments, and examples from them, distorted on the fly."""

from soundwright.mixing.dataset import Dataset, Example, make_example, read_dataset

__all__ = ["Dataset", "Example", "make_example", "read_dataset"]
