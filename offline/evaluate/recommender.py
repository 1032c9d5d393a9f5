"""The interface of everything that is evaluated."""

from typing import Protocol

from streams.contract.events import Interaction


class Recommender(Protocol):
    """Learns a log event by event and can be asked at any point of it."""

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """Up to `size` items of the log so far that the user has not met, best first."""

    def learn(self, event: Interaction) -> None:
        """The next event of the log."""
