"""What tests with real processes share: conditions instead of sleeps, and workers that are started and ended."""
