"""Packed datasets: build, look at, read fast, cut into windows."""
