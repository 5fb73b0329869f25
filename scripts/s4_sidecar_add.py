"""Document 002, step 4: the same as `soundwright sidecar add`."""

import sys

from soundwright.cli import main

if __name__ == "__main__":
    main(["sidecar", "add", *sys.argv[1:]])
