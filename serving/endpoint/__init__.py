"""The HTTP endpoint: hands out lists that are ready in Redis. It never ranks, and imports no model and no Faust."""
