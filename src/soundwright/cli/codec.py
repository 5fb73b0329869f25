"""soundwright codec: audio to tokens and back."""

from soundwright.cli.group import group

app = group("codec", "Turn audio into tokens and back; train codecs.")
app.command("soundwright.codec.encode:encode", help="Turns recordings into token files.")
app.command("soundwright.codec.decode:decode", help="Turns token files back into sound.")
app.command("soundwright.codec.info:info", help="Says what a token file or a codec is.")
app.command("soundwright.codec.train:train", help="Trains a codec on recordings.")
