"""soundwright music styles: what prompts are made of."""

from soundwright.cli.group import group

app = group("styles", "List, show, compose and check styles, of which prompts are made.")
app.command(
    "soundwright.musicgen.style_verbs:list_styles",
    name="list",
    help="Lists the styles: name, tempo, what it is, where it comes from.",
)
app.command(
    "soundwright.musicgen.style_verbs:show",
    help="Shows a style: what it is, and the prompt that each size of model is given.",
)
app.command(
    "soundwright.musicgen.style_verbs:compose_style",
    name="compose",
    help='Prints the prompt of a style and nothing else, for `--prompt "$(...)"`.',
)
app.command(
    "soundwright.musicgen.style_verbs:check",
    help="Says what a prompt lacks: tempo or feel, genre, instruments, exclusions; and whether it asks for voices.",
)
