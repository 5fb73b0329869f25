"""Document 002, step 1: the same as `soundwright corpus normalize`."""

import sys

from soundwright.cli import main

if __name__ == "__main__":
    main(["corpus", "normalize", *sys.argv[1:]])
