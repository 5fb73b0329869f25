"""soundwright builds sound models from recordings.

Each verb of the command line is one public function, found where the tree says:

    soundwright.corpus.fma.verb       tracks out of the Free Music Archive's datasets
    soundwright.corpus.convert        recordings -> mono WAV of one sample rate, loudness kept
    soundwright.corpus.segment        recordings -> segments of one length
    soundwright.corpus.split          segments -> a training and a validation list, by track
    soundwright.corpus.normalize      recordings -> one sample rate, mono, one loudness
    soundwright.codec.encode          recordings -> token files
    soundwright.codec.decode          token files -> wav
    soundwright.codec.train           recordings -> a neural codec
    soundwright.sidecar.init / .add   per-frame conditioning beside the tokens
    soundwright.sidecar.audit         is everything there, and does it fit together?
    soundwright.lossless.compress     recordings -> archives that give every byte back; .decompress
    soundwright.lossless.lm.train     recordings -> a transformer on raw samples
    soundwright.musicgen.generate     words -> music; .replay, .album, .preload
    soundwright.mixing.fix / .apply   stems and words -> instructions, carried out and measured
    soundwright.mixing.prepare        songs with stems -> segments; .train, .evaluate
    soundwright.audiocraft.export     a split -> what AudioCraft trains on
    soundwright.audiocraft.run / .xp  AudioCraft's trainings, run, proven, looked at
    soundwright.dataset.build / .read tokens and conditioning -> a Hugging Face dataset, and back

Importing this package imports none of them.
"""

__version__ = "0.1.0"
