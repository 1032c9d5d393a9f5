"""Everything that speaks for and against one item on one user's list, also when it is not on it.

The list is made again as `ranking.pipeline.recommend` makes it, and the item is followed through every stage. What it
would have scored is said also of an item that no generator named or that a rule dropped.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranking import co_occurrence, popular, trending
from ranking.co_occurrence import Personal
from ranking.pipeline import SMALLEST_POOL, recommend
from ranking.rank import PRIOR_STRENGTH, Ranked, rank
from ranking.rerank import explorers
from ranking.rerank.pool import Pool
from ranking.rerank.rerank import RULES as RERANK_RULES
from ranking.rerank.rerank import Reranked, rerank
from ranking.rerank.settings import RerankSettings
from ranking.rules.hard import RULES as HARD_RULES
from ranking.rules.hard import allowed
from ranking.rules.viewer import Viewer
from ranking.taste import Taste
from streams.catalog import UserProfile
from tables.item_model import ItemModel
from tables.type_codes import CODE_OF, FINISHED
from tables.user import User

SHOWN_SOURCES = 5
_TYPE_OF = {code: kind.value for kind, code in CODE_OF.items()} | {FINISHED: "finished"}


def why(
    user: User | None,
    profile: UserProfile | None,
    model: ItemModel,
    now_ms: int,
    item: int,
    size: int,
    settings: RerankSettings,
) -> dict[str, Any]:
    """Plain JSON values about the item of index `item` and the list of `size` items at `now_ms`. Places and slots count
    from 1; None = not there."""
    viewer = Viewer(user, profile, now_ms)
    taste = Taste.of(user, profile, model)
    personal = co_occurrence.score(taste, model)
    tried = explorers.candidates(model, now_ms, explorers.seed_of(user))
    met = len(user.seen) if user else 0
    generators: dict[str, NDArray[np.integer]] = {
        "together": np.flatnonzero(personal.scores > 0),
        "trending": trending.candidates(model, size),
        "popular": popular.candidates(model, size + met),
        "explore": tried,
    }
    named = np.unique(np.concatenate([items.astype(np.int32) for items in generators.values()]))
    kept, _ = allowed(named, viewer, model)
    if len(kept) < size:
        kept, _ = allowed(np.arange(len(model), dtype=np.int32), viewer, model)
    dropped_by = [rule.__name__ for rule in HARD_RULES if len(rule(_alone(item), viewer, model).dropped)]

    scored = _rank(np.union1d(kept, _alone(item)), personal, taste, model, len(model))
    pool_size = max(3 * size, SMALLEST_POOL)
    ranked = _rank(kept, personal, taste, model, pool_size)
    unranked = tried[np.isin(tried, kept) & ~np.isin(tried, ranked.items)]
    pool = Pool.of(ranked.items, unranked, size, model, now_ms, explorers.seed_of(user))
    reranked = rerank(pool, ranked.scores, settings)
    listed = recommend(user, profile, model, now_ms, size, settings)
    slot = _place(listed.item_index, item)
    return {
        "item_id": model.ids[item],
        "title": model.title(item),
        "slot": slot,
        "reason_code": listed.reason_code[slot - 1] if slot else None,
        "reason": listed.reason[slot - 1] if slot else None,
        "generators": {
            "together": {"score": float(personal.scores[item]), "named": item in generators["together"]},
            "trending": {"score": float(model.priors.trend_7d[item]), "named": item in generators["trending"]},
            "popular": {"score": float(model.priors.prior[item]), "named": item in generators["popular"]},
            "explore": {"named": item in tried},
        },
        "sources": _sources(item, personal, taste, model),
        "dropped_by": dropped_by,
        "refusal": _refusal(user, model.ids[item]) if "seen" in dropped_by else None,
        "rank": _scores(item, scored, personal, taste, model),
        "pool": pool_size,
        "moved": _moves(item, pool, reranked),
        "settings": asdict(settings),
        "verdict": _verdict(slot, dropped_by, item in named, _place(scored.items, item), pool_size),
    }


def _alone(item: int) -> NDArray[np.int32]:
    return np.array([item], np.int32)


def _place(items: NDArray[np.int32], item: int) -> int | None:
    found = np.flatnonzero(items == item)
    return int(found[0]) + 1 if len(found) else None


def _rank(items: NDArray[np.int32], personal: Personal, taste: Taste, model: ItemModel, size: int) -> Ranked:
    return rank(items, personal.scores[items], model.priors.prior[items], taste.strength, size)


def _sources(item: int, personal: Personal, taste: Taste, model: ItemModel) -> list[dict[str, Any]]:
    """The user's recent items that speak for it, by their share of its co-occurrence score, the largest first."""
    parts = personal.of_recent(item, len(taste.recent))
    total = float(parts.sum())
    order = np.argsort(-parts, kind="stable")[:SHOWN_SOURCES]
    return [
        {
            "item_id": model.ids[taste.recent[place]],
            "title": model.title(int(taste.recent[place])),
            "event_type": _TYPE_OF.get(taste.codes[place], "picked"),
            "share": float(parts[place]) / total,
        }
        for place in order.tolist()
        if parts[place] > 0
    ]


def _refusal(user: User | None, item_id: str) -> dict[str, Any] | None:
    """What the user did with it last, as far as the history reaches."""
    entry = user.history.entries.get(item_id) if user else None
    return None if entry is None else {"event_type": _TYPE_OF[entry[1]], "timestamp_ms": entry[0]}


def _scores(item: int, scored: Ranked, personal: Personal, taste: Taste, model: ItemModel) -> dict[str, Any]:
    place = _place(scored.items, item)
    assert place is not None, "it was added to what is scored"
    highest = float(personal.scores[scored.items].max(initial=0.0))
    return {
        "score": float(scored.scores[place - 1]),
        "personal": float(personal.scores[item]) / highest if highest else 0.0,
        "prior": float(model.priors.prior[item]),
        "weights": {"personal": taste.strength if highest else 0, "prior": PRIOR_STRENGTH},
        "personal_share": float(scored.personal_share[place - 1]),
        "place": place,
        "of": len(scored.items),
    }


def _moves(item: int, pool: Pool, reranked: Reranked) -> list[dict[str, Any]]:
    """Every re-ranking rule in its order: where the item stood before and after it."""
    place = _place(pool.items, item)
    if place is None:
        return []
    steps = {step.rule: step for step in reranked.steps}
    moves, stands = [], place
    for rule in RERANK_RULES:
        step = steps.get(rule.__name__)
        before = stands
        if step is not None:
            stands = int(np.flatnonzero(step.after == place - 1)[0]) + 1
        moves.append({"rule": rule.__name__, "from": before, "to": stands})
    return moves


def _verdict(slot: int | None, dropped_by: list[str], named: bool, place: int | None, pool_size: int) -> str:
    if slot is not None:
        return f"on the list, slot {slot}"
    if dropped_by:
        return f"dropped by {', '.join(dropped_by)}"
    if not named:
        return "no generator named it"
    if place is not None and place > pool_size:
        return f"ranked {place}, below the {pool_size} that are re-ranked"
    return f"ranked {place}, and re-ranking did not bring it onto the list"
