"""A run on disk: written while it goes on, read back, compared, exported."""
