"""The network of `pocket` in PyTorch, and its training. Inference is in NumPy, one folder up."""
