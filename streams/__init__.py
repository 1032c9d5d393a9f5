"""Ingress and egress: what crosses Kafka (events, topics, dead letters, transport) lives here; state never does."""
