"""Conditioning beside every token file: skeletons, plug-in producers, audit."""
