"""`freshet experiment`."""
