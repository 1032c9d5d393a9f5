"""What an experiment was worth: exposure, metrics by user, intervals, the report."""
