"""A real Kafka and a real Valkey on this machine, without root, Docker or an installed Java."""
