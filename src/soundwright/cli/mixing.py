"""soundwright mix: stems and words to a mix."""

from soundwright.cli.group import group

app = group("mix", "Mix stems: instructions from sound and words, carried out and measured.")
app.command(
    "soundwright.mixing.fix:fix",
    help="Says what stems need to become a good mix, does it, and writes the result with a page to compare by ear.",
)
app.command(
    "soundwright.mixing.apply:apply",
    help="Carries steps out on stems: those of a steps.json, or instructions as text; these and nothing else.",
)
app.command(
    "soundwright.mixing.prepare:prepare",
    help="Cuts songs with stems into segments to train the mixer on, and lists them in dataset.json.",
)
app.command(
    "soundwright.mixing.train:train",
    help="Prepares songs as `mix prepare` does, then trains a mixer on them and writes it as a folder.",
)
app.command(
    "soundwright.mixing.evaluate:evaluate",
    help="Distorts held-out songs in known ways, lets the mixer mend them, and measures what came out.",
)
