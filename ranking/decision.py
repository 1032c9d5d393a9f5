"""What is decided about every candidate before lists are put in order: evidence, candidates, rules, features, scores.

Lists are made from it, the ranker learns from it, and `freshet why` prints it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking import features, trending
from ranking.candidates import NO_GENERATOR, First, Flags, Generator, gather
from ranking.context_features import ContextFeatures
from ranking.filters.eligibility import Allowed, allowed
from ranking.filters.request_context import RequestContexts
from ranking.generator_scores import GeneratorScores
from ranking.interests import Asked, Histories, Interests
from ranking.ragged import NOTHING, Ragged, offsets_of
from ranking.ranker import Ranker, buckets_of
from ranking.rerank import explorers
from ranking.rerank.user_rules import UserRules
from tables.item_model import ItemModel

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decisions:
    """Of the users of a batch: `items`, the candidates by user, ascending, with the `generators` uint8[candidates] that
    named each, their `matrix` float32[features, candidates], and what the ranker makes of them: `scores`
    float64[candidates] in 0..1 and how `personal` those are. `considered` are the items that the rules were asked
    about, `allowed` what they said; `tried` those that may be explored; by user, `seeds` int64[users] decide where
    chance would, `buckets` int64[users] say how much is known, and `prior_strength` float64[users] how much the prior
    counts against a history; `rules` are the operators' rules for these lists, None = there are none."""

    contexts: RequestContexts
    context_features: ContextFeatures
    histories: Histories
    interests: Interests
    generator_scores: GeneratorScores
    considered: Ragged
    allowed: Allowed
    items: Ragged
    generators: Flags
    tried: Ragged
    seeds: NDArray[np.int64]
    buckets: NDArray[np.int64]
    matrix: NDArray[np.float32]
    scores: Doubles
    personal: Doubles
    prior_strength: Doubles
    rules: UserRules | None = None

    @classmethod
    def of(
        cls,
        asked: Sequence[Asked],
        model: ItemModel,
        ranker: Ranker,
        now_ms: int,
        size: int,
        generators_off: Generator = NO_GENERATOR,
        rules: UserRules | None = None,
    ) -> "Decisions":
        """The decisions at `now_ms`, with at least `size` candidates if the rules allow as many; none is named by the
        `generators_off`. What `rules` pin is among them wherever it is allowed."""
        histories = Histories.of(asked, model)
        interests = Interests.of(asked, histories, model)
        generator_scores = GeneratorScores.of(interests, histories, model)
        contexts = RequestContexts.of(asked, histories, model, now_ms)
        seeds = explorers.seeds_of(asked)
        if Generator.EXPLORE in generators_off:
            tried = Ragged.of([NOTHING] * len(asked))
        else:
            tried = explorers.candidates(model, now_ms, seeds)
        context_features = ContextFeatures.of(asked, interests, model, now_ms)
        considered, generators = gather(
            generator_scores,
            contexts.met,
            _shared(context_features, contexts, model, size),
            tried,
            model,
            generators_off,
        )
        if rules is not None and rules.has_pins:
            considered, places = considered.union(rules.pinned())
            generators = np.insert(generators, places, 0)  # no generator named them
        verdict = allowed(considered, contexts, model)
        kept = considered.where(verdict.keep)
        if (short := np.diff(kept.offsets) < size).any():  # the rules left too little: whatever there is
            considered, generators = _everything(considered, generators, short, len(model))
            verdict = allowed(considered, contexts, model)
            kept = considered.where(verdict.keep)
        matrix = features.matrix(kept, generator_scores, context_features, model)
        buckets = buckets_of(np.diff(interests.recent.offsets))
        scores, personal = ranker.predict(kept.offsets, matrix, buckets)
        generators = generators[verdict.keep]
        return cls(
            contexts,
            context_features,
            histories,
            interests,
            generator_scores,
            considered,
            verdict,
            kept,
            generators,
            tried,
            seeds,
            buckets,
            matrix,
            scores,
            personal,
            ranker.prior_strengths[buckets],
            rules,
        )


def _shared(context_features: ContextFeatures, contexts: RequestContexts, model: ItemModel, size: int) -> list[First]:
    """The candidates that do not depend on the user's taste."""
    users = np.arange(len(context_features.places))
    sizes = np.full(len(users), size)
    # enough popular ones to fill the list though all that was met is dropped
    enough = size + np.diff(contexts.met.offsets)
    first = [First(Generator.TRENDING, trending.candidates(model, size), users, sizes)]
    for number, segment_priors in enumerate(context_features.segment_priors):
        of = (context_features.places == number).nonzero()[0]
        first.append(First(Generator.TRENDING_IN_SEGMENT, segment_priors.trending_order, of, sizes[of]))
        first.append(First(Generator.POPULAR, segment_priors.popular_order, of, enough[of]))
    return first


def _everything(items: Ragged, generators: Flags, short: NDArray[np.bool_], size: int) -> tuple[Ragged, Flags]:
    """The same, but all items of the model for those who are short, named by no generator."""
    all_items, none = np.arange(size, dtype=np.int32), np.zeros(size, np.uint8)
    rows, flags = [], []
    for number, is_short in enumerate(short.tolist()):
        rows.append(all_items if is_short else items.row(number))
        flags.append(none if is_short else generators[items.offsets[number] : items.offsets[number + 1]])
    return Ragged(offsets_of([len(row) for row in rows]), np.concatenate(rows)), np.concatenate(flags)
