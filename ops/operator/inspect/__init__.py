"""Look at a running system: users, items, lag, lists, servers."""
