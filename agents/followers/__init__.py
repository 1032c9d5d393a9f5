"""Topics that every worker reads in full: the item model, the catalogue, profiles, erasures, controls, versions."""
