"""The file formats of other tools, for schemes, patterns and recordings. Each has its own module."""
