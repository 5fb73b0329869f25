"""Tracks out of the archives of the Free Music Archive dataset, without fetching the archives."""
