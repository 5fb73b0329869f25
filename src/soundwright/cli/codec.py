"""soundwright codec: audio to tokens and back."""

from cyclopts import App

app = App(name="codec", help="Turn audio into tokens and back; train codecs.")
app.command("soundwright.codec.encode:encode")
app.command("soundwright.codec.decode:decode")
app.command("soundwright.codec.info:info")
app.command("soundwright.codec.train:train")
