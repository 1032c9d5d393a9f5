"""Processes that `freshet` runs: the worker, the endpoint, and those that it starts and must end."""
