"""Which versions serve whom: the value of the `live` key.

    {"version": {"v2": 5, "v1": 95}, "sequence": 12, "salt": "rollout-3", "variants": {"v2": "candidate"}}

Weights are percent and add up to 100. A user falls into one of 100 buckets by a hash of salt and id; buckets are
given out in the order of the entries, so with the candidate first and one salt a rollout, 5 % ⊂ 25 % ⊂ 100 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

BUCKETS = 100


class InvalidPointer(ValueError):
    """The value is no live pointer."""


def bucket_of(salt: str, user_id: str) -> int:
    """A user's bucket, 0–99, the same in every process. blake2b: with crc32 two salts would give related buckets."""
    digest = blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest) % BUCKETS


@dataclass(frozen=True, slots=True)
class LivePointer:
    """Weights in percent by version, in bucket order. The sequence number grows with every switch.

    `variants` gives versions a name for experiments; a version without one is its own variant.
    """

    weights: dict[str, int]
    sequence: int = 0
    salt: str = ""
    variants: dict[str, str] = field(default_factory=dict)
    _of_bucket: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(weight < 0 for weight in self.weights.values()) or sum(self.weights.values()) != BUCKETS:
            raise InvalidPointer(f"weights {self.weights} are not percentages that add up to {BUCKETS}")
        buckets = tuple(version for version, weight in self.weights.items() for _ in range(weight))
        object.__setattr__(self, "_of_bucket", buckets)

    def version_of(self, user_id: str) -> str:
        """The version that serves a user."""
        first = self._of_bucket[0]
        if self.weights[first] == BUCKETS:
            return first
        return self._of_bucket[bucket_of(self.salt, user_id)]

    def variant_of(self, version: str) -> str:
        """The experiment's name for a version."""
        return self.variants.get(version, version)

    def encode(self) -> bytes:
        """The value of the `live` key."""
        body = {"version": self.weights, "sequence": self.sequence, "salt": self.salt, "variants": self.variants}
        return orjson.dumps(body)

    @classmethod
    def decode(cls, value: bytes) -> LivePointer:
        """Reads the value of the `live` key. Raises InvalidPointer."""
        try:
            body: dict[str, Any] = orjson.loads(value)
            weights = {str(version): int(weight) for version, weight in body["version"].items()}
            variants = {str(version): str(name) for version, name in body.get("variants", {}).items()}
            return cls(weights, int(body.get("sequence", 0)), str(body.get("salt", "")), variants)
        except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError, ValueError) as error:
            raise InvalidPointer(str(error)) from error
