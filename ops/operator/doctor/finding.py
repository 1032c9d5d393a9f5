"""What one look found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["good", "warning", "wrong", "away"]

TIMEOUT_S = 5.0
#: The servers date what the workers write; beyond this, events count as early or late that are not.
MAX_CLOCK_SKEW_S = 5.0
_NAMED = 3


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """What was looked at, how it is, what was found in words, and what to do unless it is good."""

    about: str
    state: State
    found: str
    advice: str = ""


def named(names: Sequence[str]) -> str:
    """A few of them, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
