"""What only the benches ask of models: beyond `offline.evaluate`, which the product uses."""
