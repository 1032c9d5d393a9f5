"""`freshet erase`: forget a user everywhere, and check that it happened."""
