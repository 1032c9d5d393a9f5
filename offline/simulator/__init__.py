"""A made-up world whose truth is known: people with tastes, items, sessions, and the mistakes real producers make."""
