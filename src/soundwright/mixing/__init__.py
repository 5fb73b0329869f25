"""Stems and words to mixing instructions, executed and measured: document 004."""
