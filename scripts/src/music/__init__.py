"""Document 004's names of what makes music."""
