"""New users: what the first lists are worth after 0, 1, 2, … events, by the 20 events that follow."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.evaluate import metrics
from offline.evaluate.freshet import Freshet
from offline.evaluate.intervals import interval
from offline.evaluate.recommender import Recommender
from streams.contract.events import Interaction

KNOWN = (0, 1, 2, 3, 5, 10)
HORIZON = 20
TOP = 10
#: Nobody's id: what somebody unknown would be listed.
NOBODY = "\0nobody"


@dataclass(frozen=True, slots=True)
class Question:
    """Before event number `before`, of a user of whom `known` events are known; `wanted` are the next up to 20."""

    before: int
    user_id: str
    known: int
    now_ms: int
    wanted: frozenset[str]


def questions(events: Sequence[Interaction], start: int, known: Iterable[int] = KNOWN) -> list[Question]:
    """All that is asked about users whose first event has a number of `start` or later, in the order of the log."""
    asked = frozenset(known)
    of_user: defaultdict[str, list[int]] = defaultdict(list)
    for number, event in enumerate(events):
        of_user[event.user_id].append(number)
    found = [
        Question(
            numbers[count],
            user_id,
            count,
            events[numbers[count]].timestamp_ms,
            frozenset(events[number].item_id for number in numbers[count : count + HORIZON]),
        )
        for user_id, numbers in of_user.items()
        if numbers[0] >= start
        for count in asked
        if count < len(numbers)
    ]
    return sorted(found, key=lambda question: (question.before, question.known))


def answers(
    events: Sequence[Interaction], recommender: Recommender, asked: Sequence[Question]
) -> list[tuple[list[str], list[str]]]:
    """For every question the user's top 10, and the top 10 of somebody unknown without what the user met."""
    by_event: defaultdict[int, list[int]] = defaultdict(list)
    for place, question in enumerate(asked):
        by_event[question.before].append(place)
    met: defaultdict[str, set[str]] = defaultdict(set)
    given: list[tuple[list[str], list[str]]] = [([], []) for _ in asked]
    for number, event in enumerate(events):
        for place in by_event.get(number, ()):
            question = asked[place]
            seen = met[question.user_id]
            own = recommender.recommend(question.user_id, question.now_ms, TOP)
            anybody = recommender.recommend(NOBODY, question.now_ms, TOP + len(seen))
            given[place] = own, [item for item in anybody if item not in seen][:TOP]
        recommender.learn(event)
        met[event.user_id].add(event.item_id)
    return given


class CitingFreshet(Freshet):
    """Also counts, by how many events were known, the lists that cite something of the user's own."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.lists: Counter[int] = Counter()
        self.citing: Counter[int] = Counter()

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """The list that the production path makes."""
        listed = self.path.list_for(user_id, now_ms, size)
        user = self.path.user(user_id)
        if user is not None:
            self.lists[user.row.folded] += 1
            self.citing[user.row.folded] += bool((listed.reason_item >= 0).any())
        return [self.path.model.ids[index] for index in listed.item_index.tolist()]


def report(
    asked: Sequence[Question],
    ours: Sequence[tuple[list[str], list[str]]],
    popular: Sequence[tuple[list[str], list[str]]],
    seed: int,
) -> dict[str, Any]:
    """By known events: users, P@10 of both, the paired difference with its interval, and the share of users whose list
    is not what somebody unknown would be given."""
    by_known: dict[str, Any] = {}
    for known in sorted({question.known for question in asked}):
        places = [place for place, question in enumerate(asked) if question.known == known]
        own = _precision(asked, ours, places)
        base = _precision(asked, popular, places)
        differs = [ours[place][0] != ours[place][1] for place in places]
        by_known[str(known)] = {
            "users": len(places),
            "precision_at_10": metrics.mean(own),
            "popularity": metrics.mean(base),
            "difference": metrics.mean(own - base),
            "difference_ci95": interval(own - base, np.arange(len(places), dtype=np.int32), seed),
            "differs_from_popular": metrics.mean(np.array(differs, np.float64)),
        }
    return by_known


def _precision(
    asked: Sequence[Question], given: Sequence[tuple[list[str], list[str]]], places: Sequence[int]
) -> NDArray[np.float64]:
    return np.array([len(asked[place].wanted.intersection(given[place][0])) / TOP for place in places], np.float64)
