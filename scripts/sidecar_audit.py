"""Document 002, the audit: the same as `soundwright sidecar audit`."""

import sys

from soundwright.cli import main

if __name__ == "__main__":
    main(["sidecar", "audit", *sys.argv[1:]])
