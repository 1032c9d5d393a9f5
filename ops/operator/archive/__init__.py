"""`freshet archive`: events as Parquet files, and erasure in them."""
