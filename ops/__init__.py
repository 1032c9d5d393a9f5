"""The operator's hands: the `freshet` command, settings, local stack and demo live here; stream logic never does."""
