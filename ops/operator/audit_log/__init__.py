"""The log of commands that changed something: written by each of them, read by `freshet audit-log`."""
