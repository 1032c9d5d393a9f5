"""One small file per command group, each with `register(app)`; heavy imports happen inside the commands."""
