"""How it crosses: topics, producers, readers and the batch transport; no meaning of a record."""
