"""Checks a generated clip: `python check_clip.py clip.wav --duration 30`. Exit code 0 when it is as it should be."""

import sys

from soundwright.cli.root import app, main

if __name__ == "__main__":
    app.command("soundwright.musicgen.clip_check:check_clip", name="check-clip")
    main(["check-clip", *sys.argv[1:]])
