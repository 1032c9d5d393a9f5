"""The operator's hands: the `freshet` command, settings, the local stack and the demo live here; stream logic never does."""
