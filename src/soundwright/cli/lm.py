"""soundwright lm: language models of samples."""

from soundwright.cli.group import group

app = group("lm", "Train transformers on raw PCM samples.")
app.command(
    "soundwright.lossless.lm.train:train",
    help="Trains a transformer to predict the samples of WAV files, and writes its weights as `MODEL_NAME.npz`.",
)
