"""Decision: candidates, ranking, rules and reasons that make a list live here; clocks, randomness and I/O never do."""
