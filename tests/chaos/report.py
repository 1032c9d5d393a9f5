"""What a session found: one line of JSON for machines, one line a fault for people."""

import json
from dataclasses import dataclass, field

from ledger import Balance


@dataclass
class FaultResult:
    """All runs of one fault. `events` were published from the first sign of load to quiet, `full_service_s` is the
    longest time from healing to every partition progressing, no lag and no list behind its row. `contents_differ` are
    users of whom Redis holds something else than their rows and profiles say (see contents.py). `failed` says what
    never happened, "" = everything did."""

    fault: str
    runs: int = 0
    events: int = 0
    balance: Balance = field(default_factory=Balance)
    contents_differ: int = 0
    full_service_s: float = 0.0
    exits: list[int] = field(default_factory=list)
    failed: str = ""

    def as_dict(self) -> dict[str, object]:
        """By the names that the JSON line uses."""
        return {
            "fault": self.fault,
            "runs": self.runs,
            "events": self.events,
            "lost": self.balance.lost,
            "doubled": self.balance.doubled,
            "contents_differ": self.contents_differ,
            "full_service_s": round(self.full_service_s, 1),
            "exits": sorted(set(self.exits)),
        } | ({"failed": self.failed} if self.failed else {})


@dataclass
class Report:
    """A whole session. `rows_differ` is None when it was not compared with an undisturbed run."""

    faults: list[FaultResult] = field(default_factory=list)
    rows_differ: int | None = None
    lists_behind: int | None = None
    failed: str = ""

    @property
    def balance(self) -> Balance:
        """Of all faults together."""
        return sum((result.balance for result in self.faults), Balance())

    @property
    def passed(self) -> bool:
        """Whether every fault ran and changed nothing."""
        complete = bool(self.faults) and not self.failed and not any(result.failed for result in self.faults)
        same = not any(result.contents_differ for result in self.faults)
        return complete and same and self.balance == Balance() and self.rows_differ == 0 and self.lists_behind == 0

    def json_line(self) -> str:
        """Everything in one line."""
        document = {
            "lost": self.balance.lost,
            "doubled": self.balance.doubled,
            "rows_differ": self.rows_differ,
            "lists_behind": self.lists_behind,
            "faults": [result.as_dict() for result in self.faults],
        } | ({"failed": self.failed} if self.failed else {})
        return json.dumps(document)
