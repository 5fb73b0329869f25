"""soundwright audiocraft: the bridge to AudioCraft and dora."""

from soundwright.cli.group import group

app = group("audiocraft", "Train with AudioCraft: its data, its environment, its runs, its experiments.")
app.command(
    "soundwright.audiocraft.clone:clone",
    help="Clones AudioCraft, unless a whole checkout of the same origin is there already.",
)
app.command(
    "soundwright.audiocraft.export:export",
    help="Gives AudioCraft a split to train on: linked files, its lists of them, and its dset configuration.",
)
app.command(
    "soundwright.audiocraft.requirements:requirements",
    help="Prints what to install for AudioCraft today, made from the requirements of its checkout.",
)
app.command(
    "soundwright.audiocraft.doctor:doctor",
    help="Tells whether AudioCraft can train here, what is missing, and how to mend it.",
)
app.command(
    "soundwright.audiocraft.run:run",
    help="Trains with AudioCraft: `python -m dora run`, in an environment in which that works, and proves that it did.",
)
app.command(
    "soundwright.audiocraft.xp:xp",
    help="Shows an experiment of AudioCraft's: its id, folder, progress and metrics, and draws its losses.",
)
