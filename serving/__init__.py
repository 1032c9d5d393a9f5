"""What a user reads: the list format, the Redis store and the HTTP endpoint live here; ranking at read time never does."""
