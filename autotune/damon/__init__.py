"""DAMON's and DAMOS' nouns in physical units, the kernel's grid, and recordings."""
