"""The engine for folder steps, atomic files, run records, progress events, HTML report pages. Knows nothing of audio."""
