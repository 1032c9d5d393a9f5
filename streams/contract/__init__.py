"""What crosses Kafka: records, their fields, bounds and reasons, and how bytes become them; no client."""
