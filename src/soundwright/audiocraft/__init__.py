"""The bridge to AudioCraft, document 000: its datasets, its environment, its runs, its experiments.

AudioCraft pins what cannot live beside this package, so nothing here imports it: what passes between the two is files
and processes.
"""
