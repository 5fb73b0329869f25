"""Training the mixer, by document 004's own names; run from `scripts/`."""
