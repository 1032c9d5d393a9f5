"""`freshet doctor`: facts are gathered once, and what they mean is pure, a file for each kind of check."""
