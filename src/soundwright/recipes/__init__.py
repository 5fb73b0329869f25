"""End-to-end runs: the places where rooms meet."""
