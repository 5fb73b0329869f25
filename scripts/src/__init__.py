"""Document 004's own names, as thin doors to the package."""
