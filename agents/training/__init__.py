"""What teaches the ranker and fits item vectors."""
