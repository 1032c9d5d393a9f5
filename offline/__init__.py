"""The replay loop: data sets, the simulator and everything that re-reads the log live here; live state never does."""
