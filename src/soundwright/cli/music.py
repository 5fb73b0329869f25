"""soundwright music: words to music."""

from soundwright.cli.group import group
from soundwright.cli.music_styles import app as styles

app = group("music", "Make music from words with MusicGen.")
app.command(
    "soundwright.musicgen.generate:generate",
    help="Makes music from words with MusicGen, of any length up to an hour, the same for the same seed.",
)
app.command("soundwright.musicgen.replay:replay", help="Makes a track again from its record.")
app.command(
    "soundwright.musicgen.album:album",
    help="Makes the stems and transitions of a set, and joins them with crossfades.",
)
app.command(
    "soundwright.musicgen.preload:preload",
    help="Fills the Hugging Face cache with weights and tokenizers of models, so that music can be made offline.",
)
app.command(styles)
