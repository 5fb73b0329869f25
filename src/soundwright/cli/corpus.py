"""soundwright corpus: recordings become regular."""

from soundwright.cli.group import group

app = group("corpus", "Get recordings and make them regular.")
app.command(
    "soundwright.corpus.normalize:normalize",
    help="Brings recordings to one sample rate, mono, and the same loudness of their loudest moment.",
)
app.command(
    "soundwright.corpus.convert:convert",
    help="Turns recordings into mono WAV files of one sample rate, as loud as they are.",
)
app.command(
    "soundwright.corpus.segment:segment",
    help="Cuts recordings into 16-bit WAV segments of exactly one length.",
)
app.command(
    "soundwright.corpus.split:split",
    help="Divides segments into a training and a validation list, so that no track is on both sides.",
)
app.command(
    "soundwright.corpus.fma.verb:fma",
    help="Fetches some tracks of the Free Music Archive dataset, without fetching all of it.",
)
