"""What the ranker learns from: one decision, as the features were before anything was known of its outcome.

The first candidate is what the user chose, the others are some of those they passed over: what they had been shown,
each weighing as much as its slot is looked at (ranking/impressions.py), and other candidates as far as they were shown
less than eight. All candidates are the best of some generator, so they are hard enough: taking half of them from the
top of the user's own list cost HR@10 on ml-100k (.2095 against .2155, 2,000 lists), because it teaches that what leads
a list is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from ranking import features
from ranking.decision import Decisions
from ranking.impressions import PassedOver
from ranking.prior_strength import Places, places_by_strength
from ranking.ranker import BUCKETS, Ranker
from streams.contract.catalog import UserProfile
from streams.contract.events import Interaction, effective_type
from tables.engagement import CONSUMED, is_liked
from tables.item_model import ItemModel
from tables.row_codec import RowCodec
from tables.user import User

EXAMPLE_VERSION = 4  # 2: weights; 3: other features; 4: those of the sequence model
#: An example costs as much as half a list; one of so many events makes one. With one in 16 examples took a fifth of a
#: worker's time, and the weights were no better for it.
ONE_IN = 64
PASSED_OVER = 8
NOTHING: PassedOver = []

Matrix = NDArray[np.float32]


class _Example(msgspec.Struct, array_like=True, frozen=True, gc=False):
    version: int
    bucket: int
    liked: bool
    features: bytes
    weights: bytes = b""
    sequence_model: str = ""
    places: bytes = b""


_CODEC = RowCodec(_Example, current=EXAMPLE_VERSION)


@dataclass(frozen=True, slots=True)
class Example:
    """`features` float32[candidates, COUNT], the chosen item first; `liked` whether it was liked, bought or finished;
    `bucket` how much was known of the user (see ranker.bucket_of). `weights` float32[candidates] in (0, 1] say how much
    each counts; empty = 1 each. `sequence_model` is the checksum of the model that the decision was made beside, "" =
    none. `places` uint16[strengths of the prior] are where the chosen item would have stood with each
    (`ranking.prior_strength`), empty = not told. Without candidates it teaches nothing."""

    bucket: int
    liked: bool
    features: Matrix
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    sequence_model: str = ""
    places: Places = field(default_factory=lambda: np.zeros(0, np.uint16))


def wants(event: Interaction) -> bool:
    """Whether an event is one of the sample and tells of use; the same in every worker. Cheap: asked of every event."""
    return crc32(event.event_id.encode()) % ONE_IN == 0 and effective_type(event) in CONSUMED


def example_before(
    event: Interaction,
    user: User | None,
    profile: UserProfile | None,
    model: ItemModel,
    ranker: Ranker,
    now_ms: int,
    size: int,
    shown: PassedOver = NOTHING,
) -> Example | None:
    """The example in an event, of the row before it; None when it says nothing, or when the sequence model was trained
    with it: what is known by heart looks as if it could be foretold. `size` as of the user's list, `shown`
    what else they had been shown."""
    chosen = model.index(event.item_id)
    if chosen < 0 or user is None or event.timestamp_ms <= model.trained_until_ms:
        return None
    decision = Decisions.of([(user, profile)], model, ranker, now_ms, size)
    others = [(index, weight) for item_id, weight in shown if (index := model.index(item_id)) >= 0]
    example = example_of(decision, chosen, liked=is_liked(event), event_id=event.event_id, shown=others)
    if example is None or model.sequence is None:
        return example
    return replace(example, sequence_model=model.sequence.model.digest)


def example_of(
    decision: Decisions, chosen: int, *, liked: bool, event_id: str, shown: Sequence[tuple[int, float]] = ()
) -> Example | None:
    """What choosing the item of index `chosen` says about a decision for one user made before; None when it was no
    candidate, which the ranker could not have helped. `shown` are indices and weights of what was passed over before
    the user's eyes. The same event gives the same example."""
    items, bucket = decision.items.values, int(decision.buckets[0])
    place = np.flatnonzero(items == chosen)
    if not len(place) or not bucket:
        return None
    weight_of = dict(shown)
    seen = np.flatnonzero(np.isin(items, list(weight_of)) & (items != chosen))[:PASSED_OVER]
    generator = np.random.default_rng(crc32(event_id.encode()))
    others = np.setdiff1d(np.flatnonzero(items != chosen), seen, assume_unique=True)
    unseen = generator.choice(others, min(PASSED_OVER - len(seen), len(others)), replace=False)
    rows = np.concatenate([place, seen, unseen])
    weights = np.ones(len(rows), np.float32)
    weights[1 : 1 + len(seen)] = [weight_of[index] for index in items[seen].tolist()]
    prior, strength = decision.context_features.prior(decision.items), decision.interests.strength
    places = places_by_strength(int(place[0]), decision.scores, prior, strength)
    return Example(bucket, liked, decision.matrix[:, rows].T, weights, places=places)


def encode(example: Example) -> bytes:
    """One record of `ranker.examples`."""
    matrix, weights = example.features.astype("<f4").tobytes(), example.weights.astype("<f4").tobytes()
    of_model, places = example.sequence_model, example.places.astype("<u2").tobytes()
    return _CODEC.encode(_Example(EXAMPLE_VERSION, example.bucket, example.liked, matrix, weights, of_model, places))


def decode(value: bytes) -> Example:
    """The example in a record; one of an older version, whose features were others, has no candidates and teaches
    nothing. Raises ValueError on a newer format, and when it is damaged or holds what nobody can learn from."""
    try:
        record = _CODEC.decode(value)
    except (TypeError, msgspec.DecodeError) as error:
        raise ValueError(f"no example: {error}") from None
    if value[1] < EXAMPLE_VERSION:
        return Example(record.bucket, record.liked, np.zeros((0, features.COUNT), np.float32))
    matrix = np.frombuffer(record.features, "<f4").reshape(-1, features.COUNT)
    weights = np.frombuffer(record.weights, "<f4")
    if not 0 <= record.bucket < BUCKETS or len(weights) not in (0, len(matrix)):
        raise ValueError("no example: another bucket, or other weights, than there can be")
    if not (np.isfinite(matrix).all() and np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("no example: a feature or a weight is not finite")
    places = np.frombuffer(record.places, "<u2")
    return Example(record.bucket, record.liked, matrix, weights, record.sequence_model, places)
