"""Search spaces: fields of schemes, parameters, conditions, and the schemes that follow from values."""
