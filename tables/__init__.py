"""Memory: one file per row type with its pure step lives here; clocks, randomness and I/O never do."""
