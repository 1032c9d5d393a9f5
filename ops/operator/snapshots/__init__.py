"""`freshet snapshot`: tables at recorded offsets."""
