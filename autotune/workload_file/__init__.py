"""The user's YAML: its sections, what stands where it says nothing, and all that it names."""
