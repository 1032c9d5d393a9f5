"""Analytic stores beside the lists: consumers of their own groups that read the log and never delay a list."""
