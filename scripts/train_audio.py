"""Document 001: the same as `soundwright lm train`."""

import sys

from soundwright.cli import main

if __name__ == "__main__":
    main(["lm", "train", *sys.argv[1:]])
