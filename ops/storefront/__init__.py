"""A page to see it all work: rows that change with each click, and what operators do beside them. For one machine."""
