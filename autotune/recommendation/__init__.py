"""From trials to advice: the front, why candidates are not on it, which parameters mattered."""
