"""How a ranked pool becomes a list worth reading: one rule, one file, all with the same signature."""
