"""soundwright dataset: pack tokens and conditioning, and look at packs."""

from cyclopts import App

app = App(name="dataset", help="Pack tokens and conditioning into a Hugging Face dataset.")
app.command("soundwright.dataset.build:build", help="Packs token files and their sidecars into a dataset.")
app.command("soundwright.dataset.info:info", help="Says what a dataset holds.")
