"""Document 002, step 2: the same as `soundwright codec encode`."""

import sys

from soundwright.cli import main

if __name__ == "__main__":
    main(["codec", "encode", *sys.argv[1:]])
