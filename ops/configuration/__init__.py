"""Settings: what there is, where a value comes from, and their reference page."""
