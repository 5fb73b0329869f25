"""Document 002, step 5: the same as `soundwright dataset build`."""

import sys

from soundwright.cli import main

if __name__ == "__main__":
    main(["dataset", "build", *sys.argv[1:]])
