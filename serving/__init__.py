"""What a user reads: the list format, the Redis store and the endpoint live here; ranking at read time never does."""
