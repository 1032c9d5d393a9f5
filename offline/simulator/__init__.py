"""A made-up world whose truth is known: users with preferences, items, sessions, and the mistakes real producers
make."""
