"""The effects behind the tools: float64 `[2, N]` in, float64 `[2, N]` out, at any sample rate."""
