"""Snapshots of a version's tables: what is pure of them."""
