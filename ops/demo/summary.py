"""The figures at the end, and whether they add up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from ops.accounting import Account
from ops.demo.freshness import Percentiles


@dataclass(frozen=True)
class Summary:
    """`acknowledged` is what the publisher was told, `ends` what the log says (both by partition), `account` what the
    tables and the dead letters say, `expected` what must have come out where the truth is known.
    """

    acknowledged: Mapping[int, int]
    ends: Mapping[int, int]
    account: Account
    lists_written: int
    freshness: Percentiles | None
    phases_s: Mapping[str, float]
    expected: Mapping[str, int] | None = None

    def problems(self) -> list[str]:
        """What does not add up, in words; empty when all is well."""
        found = []
        partitions = sorted(self.ends.keys() | self.acknowledged.keys())
        for partition in partitions:
            acknowledged, end = self.acknowledged.get(partition, 0), self.ends.get(partition, 0)
            if acknowledged != end:
                found.append(f"partition {partition}: {acknowledged} records acknowledged, but its end offset is {end}")
        if self.account.published != sum(self.ends.values()):
            found.append(f"the log grew to {self.account.published} records after publishing had stopped")
        if self.account.unaccounted:
            found.append(f"{self.account.unaccounted} records are unaccounted for")
        for name, count in (self.expected or {}).items():
            if getattr(self.account, name) != count:
                found.append(f"{name}: {getattr(self.account, name)}, but {count} were simulated")
        return found

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints. `published` = acknowledged records; durations in s, freshness in ms."""
        account, freshness = self.account, self.freshness
        return {
            "published": sum(self.acknowledged.values()),
            "folded": account.folded,
            "duplicates": account.duplicates,
            "dead_letters": account.dead_letters,
            "unaccounted": account.unaccounted,
            "lists_written": self.lists_written,
            "users": account.users,
            "freshness_ms": {"p50": freshness and freshness.p50, "p99": freshness and freshness.p99},
            "phases_s": dict(self.phases_s),
        }

    def table(self) -> Table:
        """The same for people."""
        table = Table("what", "how many", "which means", title="Summary")
        table.columns[1].justify = "right"
        figures = self.as_dict()
        for name, meaning in _MEANINGS.items():
            table.add_row(name.replace("_", " "), f"{figures[name]:,}", meaning)
        if self.freshness is not None:
            table.add_row("freshness p50", f"{self.freshness.p50:.0f} ms", "event in the log to list in Redis, median")
            table.add_row("freshness p99", f"{self.freshness.p99:.0f} ms", "the same for the slowest in a hundred")
        return table


_MEANINGS = {
    "published": "records that Kafka acknowledged; equal to its end offsets",
    "folded": "in the users' rows, once each",
    "duplicates": "sent twice by the producer, recognised",
    "dead_letters": "could not be used; kept with the reason",
    "unaccounted": "published - folded - duplicates - dead letters; must be 0",
    "lists_written": "finished lists written to Redis",
    "users": "users with a row",
}
