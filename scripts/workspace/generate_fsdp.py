"""Document 003: the same as `soundwright music generate`; under `torchrun` it shares the decoder out (`--fsdp`)."""

import os
import sys

from soundwright.cli import main

if __name__ == "__main__":
    sharded = ["--fsdp"] if "TORCHELASTIC_RUN_ID" in os.environ and "--fsdp" not in sys.argv else []
    main(["music", "generate", *sys.argv[1:], *sharded])
