"""Document 004: makes sample songs, trains the mixer on them, and lets it mend a mix; a proof that everything works."""

import sys

from soundwright.cli.root import app, main

if __name__ == "__main__":
    app.command("soundwright.mixing.trial:trial", name="mixer-trial")
    main(["mixer-trial", *sys.argv[1:]])
