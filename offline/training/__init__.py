"""Trains a sequence model of a log: what `freshet train` does, away from workers. `recurrent` needs jax and optax."""
