"""soundwright dataset: pack tokens and conditioning, and look at packs."""

from soundwright.cli.group import group

app = group("dataset", "Pack tokens and conditioning into a Hugging Face dataset.")
app.command("soundwright.dataset.build:build", help="Packs token files and their sidecars into a dataset.")
app.command("soundwright.dataset.info:info", help="Says what a dataset holds.")
