"""What a prompt asks for: clauses, names of stems, phrases."""
