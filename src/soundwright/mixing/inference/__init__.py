"""The shipped mixer's network in NumPy: text encoder, fusion, decoder and heads, for mixers whose parts are all ours.

`model.mixer` is the same network in PyTorch, for training and for models of others; both read the same files.
"""
