"""soundwright corpus: recordings become regular."""

from soundwright.cli.group import group

app = group("corpus", "Get recordings and make them regular.")
app.command(
    "soundwright.corpus.normalize:normalize",
    help="Brings recordings to one sample rate, mono, and the same loudness of their loudest moment.",
)
