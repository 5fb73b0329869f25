"""Music from words: MusicGen through our own decode loop, in memory that does not grow with duration."""
