"""soundwright dataset: pack tokens and conditioning, and look at packs."""

from soundwright.cli.group import group

app = group("dataset", "Pack tokens and conditioning into a Hugging Face dataset.")
app.command(
    "soundwright.dataset.build:build",
    help="Packs token files and their sidecars into a dataset folder that `datasets.load_from_disk` reads.",
)
app.command(
    "soundwright.dataset.info:info",
    help="Tells what is in a packed dataset: splits, codec, lengths, conditions and their ranges.",
)
