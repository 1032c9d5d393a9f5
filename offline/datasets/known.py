"""The data sets that are known by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from offline.datasets import movielens_1m, movielens_100k, online_retail
from offline.datasets.dataset import Dataset
from offline.datasets.movielens_1m import MovieLens1M
from offline.datasets.movielens_100k import MovieLens100K
from offline.datasets.online_retail import OnlineRetail

#: How to find each one in a folder, or in the folder of its name below it.
KNOWN: Final[Mapping[str, Callable[[Path], Dataset]]] = {
    movielens_100k.NAME: MovieLens100K.find,
    movielens_1m.NAME: MovieLens1M.find,
    online_retail.NAME: OnlineRetail.find,
}
