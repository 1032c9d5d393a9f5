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
from ranking.decision import Decisions
from ranking.filters.eligibility import RULES as HARD_RULES
from ranking.interests import Asked
from ranking.pipeline import SMALLEST_POOL, Pooled, decided
from ranking.ragged import Ragged
from ranking.rank import rank, trust_in
from ranking.ranker import TASK_WEIGHTS, TASKS, Ranker
from ranking.recommendations import Lists
from ranking.rerank.operator_factors import operator_factors
from ranking.rerank.pins import pins
from ranking.rerank.rerank import RULES as RERANK_RULES
from ranking.rerank.user_rules import UserRules, place_of
from ranking.settings import RankingSettings
from ranking.sources import contributions
from streams.contract.catalog import UserProfile
from tables.item_model import ItemModel
from tables.type_codes import CODE_OF, FINISHED
from tables.user import User

SHOWN_SOURCES = 5
#: Which rules of operators are at work in which rule of re-ranking.
_ACTIONS_OF = {operator_factors.__name__: ("boost", "bury"), pins.__name__: ("pin",)}
Ints = NDArray[np.int32]

_TYPE_OF = {code: kind.value for kind, code in CODE_OF.items()} | {FINISHED: "finished"}


def why(
    user: User | None,
    profile: UserProfile | None,
    model: ItemModel,
    ranker: Ranker,
    now_ms: int,
    item: int,
    size: int,
    settings: RankingSettings,
) -> dict[str, Any]:
    """Plain JSON values about the item of index `item` and the list of `size` items at `now_ms`. Places and slots count
    from 1; None = not there."""
    ranker = settings.weighed(ranker)
    rules = UserRules.of_users([(user, profile)], model)
    decision = Decisions.of([(user, profile)], model, ranker, now_ms, size, settings.generators_off, rules)
    items, contexts = decision.items.values, decision.contexts
    place = _place(items, item)
    generators = Generator(int(decision.generators[place - 1])) if place else Generator(0)
    alone = Ragged.of([_alone(item)])
    dropped_by = [rule.__name__ for rule in HARD_RULES if not rule(alone, contexts, model)[0]]
    under = model.rules.signature(*place_of((user, profile))).blocks
    blocked_by = [rule.rule_id for rule in model.rules.about(item) if (rule.rule_id, rule.changed_ms) in under]

    order, parts = _scored(decision, item, ranker, model)
    pool_size = max(3 * size, SMALLEST_POOL)
    lists = decided(decision, model, ranker, size, settings.rerank)
    listed = lists.of(0, model)
    slot = _place(listed.item_index, item)
    named = bool(generators) or item in decision.considered.values[~decision.allowed.keep]
    co_occurrence, sequential = (
        float(said.of(alone)[0][0])
        for said in (decision.generator_scores.co_occurrence, decision.generator_scores.sequential)
    )
    segment_priors = decision.context_features.segment_priors[0]
    return {
        "item_id": model.ids[item],
        "title": model.title(item),
        "slot": slot,
        "reason_code": listed.reason_code[slot - 1] if slot else None,
        "reason": listed.reason[slot - 1] if slot else None,
        "generators": {
            "co_occurrence": {"score": co_occurrence, "named": Generator.CO_OCCURRENCE in generators},
            "sequential": {"score": sequential, "named": Generator.SEQUENTIAL in generators},
            "embedding": {"score": _dot(decision, item, model), "named": Generator.EMBEDDING in generators},
            "sequence_model": {"named": Generator.SEQUENCE_MODEL in generators},
            "trending": {"score": float(model.priors.trend_7d[item]), "named": Generator.TRENDING in generators},
            "trending_in_segment": {"named": Generator.TRENDING_IN_SEGMENT in generators},
            "popular": {
                "score": float(segment_priors.prior[item]),
                "named": Generator.POPULAR in generators,
            },
            "explore": {"named": item in decision.tried.values},
        },
        "sources": _sources(item, decision, ranker, model) if place else [],
        "dropped_by": dropped_by,
        "refusal": _refusal(user, model.ids[item]) if "seen" in dropped_by else None,
        "rank": parts,
        "ranker": {"bucket": int(decision.buckets[0]), "number": ranker.number},
        "pool": pool_size,
        "moved": _moves(item, decision, lists, model, size),
        "operator_rules": _operator_rules((user, profile), item, model),
        "settings": {
            **asdict(settings.rerank),
            "generators_off": [str(generator.name).lower() for generator in settings.generators_off],
            "weight_factors": dict(settings.factors),
        },
        "verdict": _verdict(slot, dropped_by, blocked_by, named, _place(order, item), pool_size),
    }


def _dot(decision: Decisions, item: int, model: ItemModel) -> float:
    return float(model.vectors.vectors[item] @ decision.generator_scores.embeddings[0, 0])


def _alone(item: int) -> NDArray[np.int32]:
    return np.array([item], np.int32)


def _place(items: NDArray[np.int32], item: int) -> int | None:
    found = np.flatnonzero(items == item)
    return int(found[0]) + 1 if len(found) else None


def _sources(item: int, decision: Decisions, ranker: Ranker, model: ItemModel) -> list[dict[str, Any]]:
    """The user's recent items that speak for a candidate, by their share of what all of them add, the largest first."""
    preferences, place = decision.interests, np.flatnonzero(decision.items.values == item)
    added = contributions(Ragged.of([_alone(item)]), place, decision, ranker, model)[0]
    parts = np.maximum(added[: len(preferences.codes)], 0.0)
    total = float(parts.sum())
    order = np.argsort(-parts, kind="stable")[:SHOWN_SOURCES]
    return [
        {
            "item_id": model.ids[preferences.recent.values[place]],
            "title": model.title(int(preferences.recent.values[place])),
            "event_type": _TYPE_OF.get(int(preferences.codes[place]), "picked"),
            "share": float(parts[place]) / total,
        }
        for place in order.tolist()
        if parts[place] > 0
    ]


def _refusal(user: User | None, item_id: str) -> dict[str, Any] | None:
    """What the user did with it last, as far as the history reaches."""
    entry = user.history.entries.get(item_id) if user else None
    return None if entry is None else {"event_type": _TYPE_OF[entry[1]], "timestamp_ms": entry[0]}


def _scored(decision: Decisions, item: int, ranker: Ranker, model: ItemModel) -> tuple[Ints, dict[str, Any]]:
    """All candidates and the item, best first, and what the item's score is made of."""
    rows = Ragged.of([np.union1d(decision.items.values, _alone(item)).astype(np.int32)])
    items, bucket = rows.values, int(decision.buckets[0])
    matrix = features.matrix(rows, decision.generator_scores, decision.context_features, model)
    scores, personal = ranker.predict(rows.offsets, matrix, decision.buckets)
    prior, strength = decision.context_features.prior(rows), decision.interests.strength
    ranked = rank(rows.offsets, scores, personal, prior, strength, len(items), decision.prior_strength)
    order: Ints = items[ranked.places]
    row, place = int(np.flatnonzero(items == item)[0]), _place(order, item)
    assert place is not None, "it was added to what is scored"
    weights = TASK_WEIGHTS @ ranker.weights[bucket]
    return order, {
        "score": float(min(ranked.scores[row], 1.0)),
        "learned": float(scores[row] / scores.max()) if scores.max() > 0 else 0.0,
        "prior": float(prior[row]),
        "weights": {"learned": float(trust_in(strength)[0]), "prior": float(decision.prior_strength[0])},
        "features": {name: float(value) for name, value in zip(features.NAMES, matrix[:, row], strict=True)},
        "feature_weights": {name: float(weight) for name, weight in zip(features.NAMES, weights, strict=True)},
        "tasks": {task: float(value) for task, value in zip(TASKS, ranker.tasks(matrix[:, row], bucket), strict=True)},
        "personal_share": float(ranked.personal_share[row]),
        "place": place,
        "of": len(items),
    }


def _moves(item: int, decision: Decisions, lists: Lists, model: ItemModel, size: int) -> list[dict[str, Any]]:
    """Every re-ranking rule in its order: where the item stood before and after it, and by which rules of operators."""
    place = _place(Pooled.of(decision, model, size).pools.items, item)
    if place is None:
        return []
    steps = {step.rule: step for step in lists.reranked.steps(0)}
    rules = () if decision.rules is None else decision.rules.effects[decision.rules.of[0]].rules
    about = [rule for rule in model.rules.about(item) if rule in rules]
    moves, stands = [], place
    for rule in RERANK_RULES:
        step = steps.get(rule.__name__)
        before = stands
        if step is not None:
            stands = int(np.flatnonzero(step.after == place - 1)[0]) + 1
        move = {"rule": rule.__name__, "from": before, "to": stands}
        acts = [by.rule_id for by in about if by.action in _ACTIONS_OF.get(rule.__name__, ())]
        moves.append({**move, "by": acts} if acts else move)
    return moves


def _operator_rules(asked: Asked, item: int, model: ItemModel) -> list[dict[str, Any]]:
    """The rules of operators in force that are about the item, and whether each concerns the user's list."""
    place = place_of(asked)
    return [
        {
            "rule_id": rule.rule_id,
            "action": rule.action,
            "concerns": rule.is_about(*place, "personal"),
            "factor": rule.factor,
            "position": rule.position,
        }
        for rule in model.rules.about(item)
    ]


def _verdict(
    slot: int | None, dropped_by: list[str], blocked_by: list[str], named: bool, place: int | None, pool_size: int
) -> str:
    if slot is not None:
        return f"on the list, slot {slot}"
    if dropped_by and blocked_by:
        return f"dropped by {', '.join(dropped_by)}, blocked by {', '.join(blocked_by)}"
    if dropped_by:
        return f"dropped by {', '.join(dropped_by)}"
    if not named:
        return "no generator named it"
    if place is not None and place > pool_size:
        return f"ranked {place}, below the {pool_size} that are re-ranked"
    return f"ranked {place}, and re-ranking did not bring it onto the list"
