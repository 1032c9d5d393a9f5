"""What may not be listed: one rule, one file; each returns what it keeps and what it drops."""
