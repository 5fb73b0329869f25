"""Gets recordings and makes them regular."""
