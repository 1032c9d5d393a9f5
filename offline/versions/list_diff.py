"""How the finished lists of two versions differ, user by user and over all. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Persistence of rank-biased overlap: 0.9 puts 86 % of the weight on the first ten items.
PERSISTENCE = 0.9
DEPTH = 10
MOVERS = 10


@dataclass(frozen=True, slots=True)
class StoredList:
    """One user's list as a version stores it: item ids in order, where it comes from, its size."""

    items: tuple[str, ...]
    source: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Side:
    """One version's lists over the sampled users. Shares are 0–1; `coverage` counts distinct items in the first places,
    `genres` is the share of those places by genre, most frequent first; an item of two genres counts half for each."""

    version: str
    lists: int
    empty_share: float
    fallback_share: float
    mean_items: float
    mean_bytes: float
    coverage: int
    genres: dict[str, float]


@dataclass(frozen=True, slots=True)
class Mover:
    """An item, and how many sampled users see it in the first places under either version."""

    item_id: str
    a: int
    b: int


@dataclass(frozen=True, slots=True)
class ListDiff:
    """Lists of version `b` against those of `a`, over `users` sampled users that have a list in `a`.

    `compared` have one in both; `missing_share` of `users` have none in `b`. `overlap` is the mean share of the first
    `depth` items that both have, `rank_biased_overlap` the mean of `rank_biased_overlap` over whole lists, 0–1;
    `overlaps` holds the users' overlaps, for plots.
    """

    users: int
    compared: int
    depth: int
    overlap: float
    rank_biased_overlap: float
    missing_share: float
    a: Side
    b: Side
    movers: tuple[Mover, ...]
    overlaps: tuple[float, ...] = field(default=(), repr=False)

    def summary(self) -> dict[str, Any]:
        """The figures that are kept with a switch, as plain JSON values."""
        return {
            "users": self.users,
            f"overlap_at_{self.depth}": round(self.overlap, 4),
            "rank_biased_overlap": round(self.rank_biased_overlap, 4),
            "missing_share": round(self.missing_share, 4),
            "fallback_share": round(self.b.fallback_share, 4),
            "fallback_share_live": round(self.a.fallback_share, 4),
            "coverage": self.b.coverage,
            "coverage_live": self.a.coverage,
        }


def overlap_at(a: Sequence[str], b: Sequence[str], depth: int) -> float:
    """The share of the first `depth` places (fewer when both lists are shorter) that hold the same items; 1 = the same
    set. Two empty lists agree.

    >>> overlap_at("abcd", "bacx", 3), overlap_at("ab", "xy", 3)
    (1.0, 0.0)
    """
    places = min(depth, max(len(a), len(b)))
    return len(set(a[:depth]) & set(b[:depth])) / places if places else 1.0


def rank_biased_overlap(a: Sequence[str], b: Sequence[str], persistence: float = PERSISTENCE) -> float:
    """RBO_EXT of two rankings without repeated items, 0–1: equation 32 of Webber, Moffat and Zobel, "A similarity
    measure for indefinite rankings", ACM TOIS 28(4), 2010. The first places weigh most; what lies behind the ends is
    extrapolated. `persistence` is p, between 0 and 1 exclusive. Two empty lists agree, an empty one and another do not.

    >>> round(rank_biased_overlap("abc", "abc"), 6), rank_biased_overlap("abc", "xyz")
    (1.0, 0.0)
    """
    short, long = sorted((a, b), key=len)
    s, end, p = len(short), len(long), persistence
    if not s:
        return 1.0 if not end else 0.0
    common, seen_short, seen_long = [0], set[str](), set[str]()
    for depth in range(1, end + 1):
        new_long, new_short = long[depth - 1], short[depth - 1] if depth <= s else None
        found = (new_long in seen_short) + (new_short in seen_long) + (new_long == new_short)
        seen_long.add(new_long)
        if new_short is not None:
            seen_short.add(new_short)
        common.append(common[-1] + found)
    agreed = sum(common[d] / d * p**d for d in range(1, end + 1))
    assumed = sum(common[s] * (d - s) / (s * d) * p**d for d in range(s + 1, end + 1))
    tail = ((common[end] - common[s]) / end + common[s] / s) * p**end
    return (1 - p) / p * (agreed + assumed) + tail


def compare(
    names: tuple[str, str],
    a: Mapping[str, StoredList],
    b: Mapping[str, StoredList],
    genres: Mapping[str, Sequence[str]],
    depth: int = DEPTH,
) -> ListDiff:
    """Lists by user id of two versions; `a` holds the sampled users, `genres` those of items."""
    both = [user for user in a if user in b]
    overlaps = tuple(overlap_at(a[user].items, b[user].items, depth) for user in both)
    ranked = [rank_biased_overlap(a[user].items, b[user].items) for user in both]
    shown_a, shown_b = _shown(a, both, depth), _shown(b, both, depth)
    return ListDiff(
        users=len(a),
        compared=len(both),
        depth=depth,
        overlap=_mean(overlaps),
        rank_biased_overlap=_mean(ranked),
        missing_share=1 - len(both) / len(a) if a else 0.0,
        a=_side(names[0], [a[user] for user in both], shown_a, genres),
        b=_side(names[1], [b[user] for user in both], shown_b, genres),
        movers=_movers(shown_a, shown_b),
        overlaps=overlaps,
    )


def _shown(lists: Mapping[str, StoredList], users: Sequence[str], depth: int) -> Counter[str]:
    return Counter(item for user in users for item in lists[user].items[:depth])


def _side(version: str, lists: Sequence[StoredList], shown: Counter[str], genres: Mapping[str, Sequence[str]]) -> Side:
    return Side(
        version=version,
        lists=len(lists),
        empty_share=_mean([not stored.items for stored in lists]),
        fallback_share=_mean([stored.source != "personal" for stored in lists]),
        mean_items=_mean([len(stored.items) for stored in lists]),
        mean_bytes=_mean([stored.size_bytes for stored in lists]),
        coverage=len(shown),
        genres=_genre_mix(shown, genres),
    )


def _genre_mix(shown: Counter[str], genres: Mapping[str, Sequence[str]]) -> dict[str, float]:
    mix: Counter[str] = Counter()
    for item, count in shown.items():
        named = genres.get(item) or ("none",)
        for genre in named:
            mix[genre] += count / len(named)  # type: ignore[assignment]  # shares of places, not whole ones
    total = shown.total()
    return {genre: places / total for genre, places in mix.most_common()}


def _movers(a: Counter[str], b: Counter[str]) -> tuple[Mover, ...]:
    moved = sorted(a.keys() | b.keys(), key=lambda item: (-abs(b[item] - a[item]), item))
    return tuple(Mover(item, a[item], b[item]) for item in moved[:MOVERS] if a[item] != b[item])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
