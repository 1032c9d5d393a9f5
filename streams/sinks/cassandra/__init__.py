"""Cassandra as a sink: tables by the question that they answer (docs/decisions/0037)."""
