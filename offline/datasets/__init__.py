"""Public data sets as the records that producers would have sent: one file per data set, read lazily, never copied."""
