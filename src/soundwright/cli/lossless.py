"""soundwright compress, soundwright decompress: two verbs that stand by themselves, below no group."""

from cyclopts import App


def register(app: App) -> None:
    """Adds the verbs to the root command."""
    app.command(
        "soundwright.lossless.compress:compress",
        help="Compresses recordings without loss, into archives that give every byte back.",
    )
    app.command(
        "soundwright.lossless.decompress:decompress",
        help="Gives back the files that `compress` made archives of, byte for byte.",
    )
