"""A trained model of what people use next, as a file: the artefact that a model version ranks with, or none.

    freshet-sequence-model 1 <SHA-256 of what follows>\\n
    msgpack: items, arrays by name, the ranker's start weights, how it was trained

It has two parts, both over sequences of used items. The recurrent one (after Yue et al., "Linear recurrent units for
sequential recommendation", WSDM 2024, arXiv 2310.02367, one block) keeps a state of complex numbers a user,

    state = decay * state + inputs[item]

and scores items by an output vector that follows from the state and the last item. The linear one is the ridge
regression from decayed recent items to the next one (Choi et al., "Session-aware linear item-item models for
session-based recommendation", WWW 2021), of which each item keeps its weightiest successors.

A file that is damaged, of a later format, or holds a number that is none is refused with what is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from tables.item_keys import Keys, key_of

FORMAT: Final = 1
_MAGIC: Final = b"freshet-sequence-model "
_LONGEST_LINE: Final = 128
_TYPES: Final = {"<f4": np.float32, "<i4": np.int32}

#: The arrays by name, each with the names of its dimensions; numbers are fixed sizes.
SHAPES: Final[Mapping[str, tuple[str | int, ...]]] = {
    "decay": (2, "width"),
    "inputs": ("items", "states"),
    "last_items": ("items", "dimensions"),
    "embeddings": ("items", "dimensions"),
    "biases": ("items",),
    "state_output": ("states", "dimensions"),
    "state_norm": (2, "dimensions"),
    "inner": ("dimensions", "inner"),
    "inner_bias": ("inner",),
    "outer": ("inner", "dimensions"),
    "outer_bias": ("dimensions",),
    "output_norm": (2, "dimensions"),
    "linear_items": ("items", "linear"),
    "linear_weights": ("items", "linear"),
}
_INTEGERS: Final = frozenset({"linear_items"})
#: By place of a recent item, newest first: what it counts in the linear part.
LINEAR_DECAY: Final = 0.85
LINEAR_WINDOW: Final = 20

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class UnusableSequenceModel(ValueError):
    """What is not a file of a sequence model, or none that this release can rank with; the message says why."""


class _Array(msgspec.Struct, array_like=True, frozen=True, gc=False):
    kind: str
    shape: tuple[int, ...]
    data: bytes


class RankerStart(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Where the ranker begins beside this model: by bucket the weights of `features`, an intercept, and how much what
    everybody likes counts. An empty row of weights leaves the bucket as it is without a sequence model."""

    features: list[str] = []
    weights: list[list[float]] = []
    intercepts: list[float] = []
    prior_strengths: list[float] = []


_NO_START: Final = RankerStart()


class _File(msgspec.Struct, array_like=True, frozen=True, gc=False):
    items: list[str]
    arrays: dict[str, _Array]
    trained_until_ms: int
    ranker: RankerStart
    about: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SequenceModel:
    """`items` are ids, parallel to the rows of the `arrays` (see `SHAPES`). Of a complex state the real parts come
    first. `trained_until_ms` is the newest event time it has learned from or was tuned by: what it says of events up to
    then is no forecast. `about` says how it was trained. `digest` is the SHA-256 of the file's content."""

    items: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]
    trained_until_ms: int
    ranker: RankerStart = _NO_START
    about: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    @property
    def states(self) -> int:
        """How many float32 a state has."""
        return int(self.arrays["inputs"].shape[1])

    def keys(self) -> Keys:
        """uint64[items]: the items by key."""
        return np.array([key_of(item) for item in self.items], np.uint64)

    def encode(self) -> bytes:
        """The file. Raises `UnusableSequenceModel` for what `decode` would refuse."""
        _check(self)
        arrays = {name: _packed(array) for name, array in sorted(self.arrays.items())}
        content = msgspec.msgpack.encode(
            _File(list(self.items), arrays, self.trained_until_ms, self.ranker, dict(self.about))
        )
        return b"%s%d %s\n" % (_MAGIC, FORMAT, sha256(content).hexdigest().encode()) + content

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The model in a file. Raises `UnusableSequenceModel`."""
        digest, content = _content_of(data)
        try:
            file = msgspec.msgpack.decode(content, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnusableSequenceModel(f"its content cannot be read: {error}") from None
        arrays = {name: _unpacked(name, array) for name, array in file.arrays.items()}
        model = cls(tuple(file.items), arrays, file.trained_until_ms, file.ranker, file.about, digest)
        _check(model)
        return model


def _content_of(data: bytes) -> tuple[str, bytes]:
    line, newline, content = data.partition(b"\n")
    if not line.startswith(_MAGIC) or not newline or len(line) > _LONGEST_LINE:
        raise UnusableSequenceModel("it does not begin as a sequence model does")
    number, _, digest = line[len(_MAGIC) :].decode(errors="replace").partition(" ")
    if number != str(FORMAT):
        raise UnusableSequenceModel(f"it has format {number}, this release reads {FORMAT}")
    found = sha256(content).hexdigest()
    if found != digest:
        raise UnusableSequenceModel(f"it is damaged: its checksum is {found[:16]}…, not {digest[:16]}…")
    return digest, content


def _packed(array: NDArray[Any]) -> _Array:
    kind = next(kind for kind, dtype in _TYPES.items() if array.dtype == dtype)
    return _Array(kind, array.shape, np.ascontiguousarray(array).astype(kind).tobytes())


def _unpacked(name: str, array: _Array) -> NDArray[Any]:
    if array.kind not in _TYPES:
        raise UnusableSequenceModel(f"{name} has numbers of kind {array.kind!r}")
    size = int(np.prod(array.shape, dtype=np.int64))
    if min(array.shape, default=0) < 0 or len(array.data) != 4 * size:
        raise UnusableSequenceModel(f"{name} has {len(array.data)} bytes, not those of {array.shape}")
    return np.frombuffer(array.data, array.kind).astype(_TYPES[array.kind]).reshape(array.shape)


def _check(model: SequenceModel) -> None:
    if not model.items or len(set(model.items)) != len(model.items) or "" in model.items:
        raise UnusableSequenceModel("it names no items, or one twice, or one without a name")
    if missing := SHAPES.keys() ^ model.arrays.keys():
        raise UnusableSequenceModel(f"it lacks, or has beside those known: {', '.join(sorted(missing))}")
    sizes: dict[str, int] = {"items": len(model.items), "states": 2 * model.arrays["decay"].shape[-1]}
    for name, dimensions in SHAPES.items():
        array, kind = model.arrays[name], np.dtype(np.int32 if name in _INTEGERS else np.float32)
        if array.dtype != kind:
            raise UnusableSequenceModel(f"{name} has numbers of kind {array.dtype} instead of {kind}")
        if array.ndim != len(dimensions):
            raise UnusableSequenceModel(f"{name} has {array.ndim} dimensions instead of {len(dimensions)}")
        for dimension, size in zip(dimensions, array.shape, strict=True):
            expected = dimension if isinstance(dimension, int) else sizes.setdefault(dimension, size)
            if size != expected:
                raise UnusableSequenceModel(f"{name} has {size} {dimension} where there are {expected}")
        if not np.isfinite(array).all():
            raise UnusableSequenceModel(f"{name} holds what is no number (NaN or infinite)")
    _check_numbers(model)


def _check_numbers(model: SequenceModel) -> None:
    if not (np.hypot(*model.arrays["decay"].astype(np.float64)) < 1).all():
        raise UnusableSequenceModel("a state would grow for ever: its decay is 1 or more")
    named = model.arrays["linear_items"]
    if not ((named >= 0) & (named < len(model.items))).all():
        raise UnusableSequenceModel("linear_items name items that there are not")
    ranker = model.ranker
    if len(ranker.weights) != len(ranker.intercepts) or len(set(ranker.features)) != len(ranker.features):
        raise UnusableSequenceModel("the ranker's start has other buckets, or a feature twice")
    for row in ranker.weights:
        if len(row) not in (0, len(ranker.features)):
            raise UnusableSequenceModel("the ranker's start has weights of other features than it names")
    if not all(0 < strength < np.inf for strength in ranker.prior_strengths):
        raise UnusableSequenceModel("a prior's strength is not above 0")
    if not np.isfinite([*ranker.intercepts, *(weight for row in ranker.weights for weight in row)]).all():
        raise UnusableSequenceModel("the ranker's start holds what is no number (NaN or infinite)")
