"""Doors: what crosses Kafka (events, codecs, topics, dead letters, transport) lives here; state never does."""
