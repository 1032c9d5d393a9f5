"""Reading the log again into a new version: what is pure of it. Workers do the reading, commands the I/O."""
