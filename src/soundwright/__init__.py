"""soundwright builds sound models from recordings.

Each verb of the command line is one public function, found where the tree says:

    soundwright.corpus.normalize      recordings -> one sample rate, mono, one loudness
    soundwright.codec.encode          recordings -> token files
    soundwright.codec.decode          token files -> wav
    soundwright.codec.train           recordings -> a neural codec
    soundwright.sidecar.init / .add   per-frame conditioning beside the tokens
    soundwright.sidecar.audit         is everything there, and does it fit together?
    soundwright.dataset.build / .read tokens and conditioning -> a Hugging Face dataset, and back

Importing this package imports none of them.
"""

__version__ = "0.1.0"
