"""How a version catches up with the log: alignment of its partitions in event time, and when it is at the head."""
