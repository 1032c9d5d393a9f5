"""Who may read what, and how often: tokens, rate limit. All of it can be off; nothing of it decides what is read."""
