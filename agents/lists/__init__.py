"""The lists of users and those that belong to nobody: when they are made, by whom, and what Redis gets."""
