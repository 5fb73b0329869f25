"""soundwright codec: audio to tokens and back."""

from soundwright.cli.group import group

app = group("codec", "Turn audio into tokens and back; train codecs.")
app.command("soundwright.codec.encode:encode", help="Encodes recordings to tokens of a neural codec.")
app.command("soundwright.codec.decode:decode", help="Decodes token files to 16-bit mono WAV files.")
app.command(
    "soundwright.codec.info:info",
    help="Shows what a token file says about itself: codec, bandwidth, length, source, licence.",
)
app.command(
    "soundwright.codec.train:train",
    help="Trains a codec and writes it as a folder of `config.json` and `model.safetensors`.",
)
