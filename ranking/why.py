"""Everything that speaks for and against one item on one user's list, also when it is not on it.

The list is made again as `ranking.pipeline.recommend` makes it, and the item is followed through every stage. What it
would have scored is said also of an item that no generator named or that a rule dropped.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranking import features
from ranking.candidates import Generator
from ranking.decision import Decision
from ranking.evidence import Evidence
from ranking.pipeline import SMALLEST_POOL, pool_of, recommend
from ranking.rank import PRIOR_STRENGTH, Ranked, rank, trust_in
from ranking.ranker import TASK_WEIGHTS, TASKS, Ranker
from ranking.rerank.pool import Pool
from ranking.rerank.rerank import RULES as RERANK_RULES
from ranking.rerank.rerank import Reranked, rerank
from ranking.rerank.settings import RerankSettings
from ranking.rules.hard import RULES as HARD_RULES
from ranking.sources import contributions
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
    ranker: Ranker,
    now_ms: int,
    item: int,
    size: int,
    settings: RerankSettings,
) -> dict[str, Any]:
    """Plain JSON values about the item of index `item` and the list of `size` items at `now_ms`. Places and slots count
    from 1; None = not there."""
    decision = Decision.of(user, profile, model, ranker, now_ms, size)
    evidence, items = decision.evidence, decision.items
    place = _place(items, item)
    generators = Generator(int(decision.generators[place - 1])) if place else Generator(0)
    dropped_by = [rule.__name__ for rule in HARD_RULES if len(rule(_alone(item), decision.viewer, model).dropped)]

    scored, parts = _scored(decision, item, ranker, model)
    pool_size = max(3 * size, SMALLEST_POOL)
    listed = recommend(user, profile, model, ranker, now_ms, size, settings)
    pool, reranked = _reranked(decision, model, now_ms, size, settings)
    slot = _place(listed.item_index, item)
    named = bool(generators) or any(item in dropped for dropped in decision.dropped.values())
    return {
        "item_id": model.ids[item],
        "title": model.title(item),
        "slot": slot,
        "reason_code": listed.reason_code[slot - 1] if slot else None,
        "reason": listed.reason[slot - 1] if slot else None,
        "generators": {
            "together": {"score": float(evidence.together.scores[item]), "named": Generator.TOGETHER in generators},
            "after": {"score": float(evidence.after.scores[item]), "named": Generator.AFTER in generators},
            "vector": {"score": _dot(evidence, item, model), "named": Generator.VECTOR in generators},
            "trending": {"score": float(model.priors.trend_7d[item]), "named": Generator.TRENDING in generators},
            "popular": {"score": float(model.priors.prior[item]), "named": Generator.POPULAR in generators},
            "explore": {"named": item in decision.tried},
        },
        "sources": _sources(item, decision, ranker, model) if place else [],
        "dropped_by": dropped_by,
        "refusal": _refusal(user, model.ids[item]) if "seen" in dropped_by else None,
        "rank": parts,
        "ranker": {"bucket": decision.bucket, "number": ranker.number},
        "pool": pool_size,
        "moved": _moves(item, pool, reranked),
        "settings": asdict(settings),
        "verdict": _verdict(slot, dropped_by, named, _place(scored.items, item), pool_size),
    }


def _dot(evidence: Evidence, item: int, model: ItemModel) -> float:
    return float(model.vectors.vectors[item] @ evidence.vector)


def _alone(item: int) -> NDArray[np.int32]:
    return np.array([item], np.int32)


def _place(items: NDArray[np.int32], item: int) -> int | None:
    found = np.flatnonzero(items == item)
    return int(found[0]) + 1 if len(found) else None


def _sources(item: int, decision: Decision, ranker: Ranker, model: ItemModel) -> list[dict[str, Any]]:
    """The user's recent items that speak for a candidate, by their share of what all of them add, the largest first."""
    taste = decision.taste
    parts = np.maximum(contributions(_alone(item), decision, ranker, model)[0], 0.0)
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


def _scored(decision: Decision, item: int, ranker: Ranker, model: ItemModel) -> tuple[Ranked, dict[str, Any]]:
    """All candidates and the item, ranked, and what the item's score is made of."""
    items = np.union1d(decision.items, _alone(item)).astype(np.int32)
    matrix = features.matrix(items, decision.evidence, decision.situation, model)
    scores, personal = ranker.judge(matrix, decision.bucket)
    prior, strength = model.priors.prior[items], decision.taste.strength
    ranked = rank(items, scores, personal, prior, strength, len(items))
    row, place = int(np.flatnonzero(items == item)[0]), _place(ranked.items, item)
    assert place is not None, "it was added to what is scored"
    weights = TASK_WEIGHTS @ ranker.weights[decision.bucket]
    return ranked, {
        "score": float(ranked.scores[place - 1]),
        "learned": float(scores[row] / scores.max()) if scores.max() > 0 else 0.0,
        "prior": float(prior[row]),
        "weights": {"learned": trust_in(strength), "prior": PRIOR_STRENGTH},
        "features": {name: float(value) for name, value in zip(features.NAMES, matrix[row], strict=True)},
        "feature_weights": {name: float(weight) for name, weight in zip(features.NAMES, weights, strict=True)},
        "tasks": {
            task: float(value) for task, value in zip(TASKS, ranker.tasks(matrix[row], decision.bucket), strict=True)
        },
        "personal_share": float(ranked.personal_share[place - 1]),
        "place": place,
        "of": len(items),
    }


def _reranked(
    decision: Decision, model: ItemModel, now_ms: int, size: int, settings: RerankSettings
) -> tuple[Pool, Reranked]:
    ranked, pool = pool_of(decision, model, now_ms, size)
    return pool, rerank(pool, ranked.scores, settings)


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
