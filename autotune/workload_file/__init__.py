"""The user's YAML: its sections, the defaults of keys that it leaves out, and all that it names."""
