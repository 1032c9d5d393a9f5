"""`freshet dlq`: dead letters listed, shown, published again."""
