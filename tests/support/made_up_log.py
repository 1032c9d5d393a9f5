"""Small logs and recommenders for the tests of offline/evaluate."""

from collections.abc import Iterable

from streams.contract.events import EventType, Interaction

START_MS = 1_700_006_400_000  # midnight, UTC
DAY_MS = 86_400_000


def event(user: str, item: str, at_ms: int = START_MS) -> Interaction:
    """Somebody views something."""
    return Interaction(f"{user}-{item}-{at_ms}", EventType.VIEW, user, item, at_ms)


def log(pairs: Iterable[str], step_ms: int = 1000) -> list[Interaction]:
    """`["ua", "vb"]`: user u meets item a, then user v item b, `step_ms` apart."""
    return [event(pair[0], pair[1], START_MS + number * step_ms) for number, pair in enumerate(pairs)]


class Scripted:
    """Gives the lists it was given, one after the other, and notes what it is asked and told."""

    def __init__(self, *lists: str) -> None:
        self._lists = iter(lists)
        self.calls: list[str] = []

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        self.calls.append(f"?{user_id}")
        return list(next(self._lists))

    def learn(self, event: Interaction) -> None:
        self.calls.append(f"{event.user_id}{event.item_id}")
