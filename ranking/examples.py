"""What the ranker learns from: one decision, as the features were before anything was known of its outcome.

The first candidate is what the user chose. The others are what they passed over: half from the top of the list they had
(hard ones), half from everything they had not met, so that the ranker also knows what an ordinary item looks like.
"""

from dataclasses import dataclass
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from ranking import features
from ranking.candidates import Ints
from ranking.decision import Decision
from tables.row_codec import RowCodec

EXAMPLE_VERSION = 1
#: An example costs as much as half a list; one of so many events makes one.
ONE_IN = 16
HARD = 4
EASY = 4
HARD_FROM_TOP = 50

Matrix = NDArray[np.float32]


class _Example(msgspec.Struct, array_like=True, frozen=True, gc=False):
    version: int
    bucket: int
    liked: bool
    features: bytes


_CODEC = RowCodec(_Example, current=EXAMPLE_VERSION)


@dataclass(frozen=True, slots=True)
class Example:
    """`features` float32[candidates, COUNT], the chosen item first; `liked` whether it was liked, bought or finished;
    `bucket` how much was known of the user (see ranker.bucket_of)."""

    bucket: int
    liked: bool
    features: Matrix


def example_of(decision: Decision, chosen: int, *, liked: bool, event_id: str) -> Example | None:
    """What choosing the item of index `chosen` says about a decision made before; None when it was no candidate, which
    the ranker could not have helped. The same event gives the same example."""
    place = np.flatnonzero(decision.items == chosen)
    if not len(place) or not decision.bucket:
        return None
    generator = np.random.default_rng(crc32(event_id.encode()))
    places = np.concatenate([place, passed_over(chosen, decision.items, decision.scores, generator)])
    return Example(decision.bucket, liked, decision.matrix[places])


def is_sampled(event_id: str, one_in: int = ONE_IN) -> bool:
    """Whether an event is one of the share that makes examples; the same for every worker."""
    return crc32(event_id.encode()) % one_in == 0


def passed_over(
    chosen: int, items: Ints, scores: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Places int64[up to 8] in `items` of the negatives for the item of index `chosen`; `scores` are parallel."""
    others = np.flatnonzero(items != chosen)
    if len(others) <= HARD + EASY:
        return others
    ranked = scores[others]
    top = others[np.argpartition(ranked, -min(HARD_FROM_TOP, len(others)))[-HARD_FROM_TOP:]]
    hard = generator.choice(top, min(HARD, len(top)), replace=False)
    easy = generator.choice(others, EASY, replace=False)
    return np.unique(np.concatenate([hard, easy]))


def encode(example: Example) -> bytes:
    """One record of `ranker.examples`."""
    matrix = example.features.astype("<f4").tobytes()
    return _CODEC.encode(_Example(EXAMPLE_VERSION, example.bucket, example.liked, matrix))


def decode(value: bytes) -> Example:
    """The example in a record. Raises RowVersionError on a newer format, ValueError when it is damaged or its features
    are not this version's."""
    record = _CODEC.decode(value)
    matrix = np.frombuffer(record.features, "<f4").reshape(-1, features.COUNT)
    return Example(record.bucket, record.liked, matrix)
