"""Topics that workers follow: in full the item model, the catalogue, erasures, controls, versions; profiles of owned
partitions."""
