"""Document 002, step 3: the same as `soundwright sidecar init`."""

import sys

from soundwright.cli import main

if __name__ == "__main__":
    main(["sidecar", "init", *sys.argv[1:]])
