"""What a study may choose: fields of schemes, parameters, conditions, and schemes of a choice."""
