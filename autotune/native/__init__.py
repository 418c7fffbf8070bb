"""Small C programs, shipped as source and compiled where they are needed."""
