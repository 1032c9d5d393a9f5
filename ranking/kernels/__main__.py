"""Compiles every kernel that is not kept yet: for images and installations, so that no worker has to."""

from pathlib import Path

import tables.kernels
from ranking.kernels import (
    candidates,
    filters,
    interests,
    order,
    products,
    reasons,
    relative,
    sequences,
    shares,
    slates,
    sums,
)
from tables.kernels import keys, pairs
from tables.kernels.kept_code import code_folder

KERNELS = (
    candidates,
    filters,
    interests,
    order,
    products,
    reasons,
    relative,
    sequences,
    shares,
    slates,
    sums,
    keys,
    pairs,
)

if __name__ == "__main__":
    folder = code_folder(Path(tables.kernels.__file__).parent)
    kept = "no folder: none can be written" if folder is None else folder.parent
    print(f"{len(KERNELS)} files of kernels are compiled; kept in {kept}")
