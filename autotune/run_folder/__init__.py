"""A run on disk: written as it goes, read back, compared, exported."""
