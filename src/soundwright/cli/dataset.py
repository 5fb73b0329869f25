"""soundwright dataset: pack tokens and conditioning, and look at packs."""

from cyclopts import App

app = App(name="dataset", help="Pack tokens and conditioning into a Hugging Face dataset.")
app.command("soundwright.dataset.build:build")
app.command("soundwright.dataset.info:info")
