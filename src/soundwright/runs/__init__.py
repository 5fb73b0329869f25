"""The engine for folder steps: atomic files, run records, progress events, report pages. Knows nothing of audio."""
