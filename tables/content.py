"""What the catalogue says about an item, as a bag of hashed tokens: the ground on which new items get vectors.

Genres, people, language, decade and the words of the title and description become numbers 0..1023 (CRC-32 of
"kind:text", case folded): the hashing trick (Weinberger et al., ICML 2009) needs no vocabulary that workers would have
to share.
"""

import re
from collections.abc import Iterator
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from streams.contract.catalog import CatalogItem

TOKENS = 1024
MAX_WORDS = 40
RIDGE = 2.0
_WORD = re.compile(r"\w{3,}")

Floats = NDArray[np.float32]


def tokens(item: CatalogItem) -> tuple[int, ...]:
    """The item's tokens, ascending, each once."""
    return tuple(sorted({crc32(token.casefold().encode()) % TOKENS for token in _texts(item)}))


def _texts(item: CatalogItem) -> Iterator[str]:
    yield from (f"genre:{name}" for name in item.genres)
    yield from (f"person:{name}" for name in item.cast)
    if item.director:
        yield f"person:{item.director}"
    if item.language:
        yield f"language:{item.language}"
    if item.year:
        yield f"decade:{item.year // 10}"
    words = _WORD.findall(f"{item.title or ''} {item.description or ''}")
    yield from (f"word:{word}" for word in words[:MAX_WORDS])


def matrix(bags: list[tuple[int, ...]]) -> csr_matrix:
    """float32[len(bags), 1024], rows of length 1; empty bags are empty rows."""
    sizes = np.array([len(bag) for bag in bags], np.int64)
    columns = np.fromiter((token for bag in bags for token in bag), np.int64, int(sizes.sum()))
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes).astype(np.float32)
    return csr_matrix((values, columns, np.concatenate([[0], np.cumsum(sizes)])), (len(bags), TOKENS))


def ridge(bags: list[tuple[int, ...]], vectors: Floats) -> Floats:
    """Coefficients float32[1024, dimensions] that predict vectors from tokens: (X'X + 2 I)^-1 X'V."""
    known = matrix(bags)
    gram = (known.T @ known).toarray() + RIDGE * np.eye(TOKENS, dtype=np.float32)
    coefficients: Floats = np.linalg.solve(gram, known.T @ vectors).astype(np.float32)
    return coefficients
