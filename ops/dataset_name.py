"""Data sets that commands take by name; `offline/datasets/known.py` finds them (and loads what reads them)."""

from enum import StrEnum


class DatasetName(StrEnum):
    """A known data set."""

    MOVIELENS_100K = "ml-100k"
    MOVIELENS_1M = "ml-1m"
    ONLINE_RETAIL = "online-retail"
