"""`freshet replay` and `freshet audit`."""
