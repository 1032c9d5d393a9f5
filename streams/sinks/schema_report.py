"""What `freshet schema apply` found and did in a store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """A table that exists, with something other than it should have."""

    table: str
    what: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.table}: {self.what} is {self.found}, should be {self.wanted}"


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """Tables that were made by this call, that were right already, and what differs."""

    created: tuple[str, ...]
    unchanged: tuple[str, ...]
    differs: tuple[Difference, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "created": list(self.created),
            "unchanged": list(self.unchanged),
            "differs": [asdict(difference) for difference in self.differs],
        }
