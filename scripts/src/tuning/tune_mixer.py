"""Document 004: prepares songs and trains the mixer; the same as `soundwright mix train`."""

import sys

from soundwright.cli import main

if __name__ == "__main__":
    main(["mix", "train", *sys.argv[1:]])
