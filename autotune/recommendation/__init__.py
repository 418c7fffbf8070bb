"""From trials to advice: the front, what is not on it and why, what mattered."""
