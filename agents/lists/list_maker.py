"""Makes finished list values: rank, word, encode. The only place where the model meets the list format."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from time import perf_counter
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.followers.item_follower import ItemFollower
from agents.instruments import ListTimes
from agents.lists.audiences import audience_record
from agents.lists.list_basis import ListBasis, bases_of, events_of, is_outdated
from agents.lists.list_figures import ListFigures
from agents.lists.treatments import Treatments, by_treatment
from ranking.decision import Decisions
from ranking.filters.eligibility import AGAIN_RULES, allowed
from ranking.filters.request_context import RequestContexts
from ranking.genre_preferences import genre_preferences
from ranking.pipeline import DEFAULT_RULES, at_once, decided
from ranking.ragged import Ragged, lowest_in_rows
from ranking.recommendations import CODES, ListReason, Lists, Recommendations, because, text_of
from ranking.related import RelatedCache
from ranking.rerank.settings import RerankSettings
from ranking.rerank.user_rules import UserRules, place_of
from ranking.rows import AfterLast, after_last, page_of
from ranking.settings import RankingSettings
from serving.experiments import UNTREATED, ExperimentBook, Treatment
from serving.fragments import SCORE_STEPS
from serving.keys import POST_PLAY, Keys
from serving.list_format import Begun, Explanation, Items, ListStamp, begun, scored
from serving.redis_writer import Group
from streams.contract.catalog import UNRATED_AGE, UserProfile
from streams.contract.served import ALGORITHMS, Algorithm
from streams.contract.time_zones import zone_of
from tables.continue_watching import Watching
from tables.item_catalog import ALWAYS_UNTIL_MS
from tables.item_keys import STORED, key_of
from tables.item_model import ItemModel
from tables.operator_rules import NO_RULES, NOWHERE, Place, Signature
from tables.user_features import features
from tables.user_plane import User

SAYINGS_KEPT = 65_536
#: In the place of an item's index: room for more in a short list, which any change of the catalogue may fill.
ROOM = -1
#: The index of an item that the model never heard of.
UNHEARD_OF = -1


#: How a reason and an algorithm are packed into the number that their bytes are kept by.
_REASON = _ALGORITHM = 0xF
_CODE = 0xFF
_ALGORITHM_SHIFT, _CODE_SHIFT, _ITEM_SHIFT = 4, 8, 16


#: What is said of the items of the row after the last one.
_PLAYED = ListReason.BECAUSE | (ALGORITHMS.index(Algorithm.CO_OCCURRENCE) << _ALGORITHM_SHIFT)

#: What the lists of a batch share.
stamp = lru_cache(maxsize=64)(ListStamp)


class UserValues(NamedTuple):
    """What a user gets: the item indices that lists show, the list first, with ROOM when it is short; (key,
    value) of everything derived from the user's row and profile, the list first; what it was made with, under which
    variants and rules of operators, and where the user is for those."""

    items: NDArray[np.int32]
    values: Group
    basis: ListBasis
    treatment: Treatment = UNTREATED
    rules: Signature = NO_RULES
    place: Place = NOWHERE


class _Unfinished(NamedTuple):
    """By user what they may go on with, item indices int32[] and items of a list; `known` are all items of the model
    that they have begun."""

    shown: list[NDArray[np.int32]]
    items: list[Items]
    known: Ragged


class ListMaker:
    """Turns users and shared recommendations into Redis values."""

    def __init__(
        self,
        follower: ItemFollower,
        keys: Keys,
        model_version: str,
        list_size: int,
        expires_ms: int,
        rerank: RerankSettings = DEFAULT_RULES,
        experiments: ExperimentBook | None = None,
    ) -> None:
        self.model: ItemModel = follower.model
        self.expires_ms = expires_ms
        self.list_size = list_size
        self._follower = follower
        self._keys = keys
        self._model_version = model_version
        self.treatments = Treatments(experiments or ExperimentBook(), RankingSettings(rerank))
        self.times = ListTimes()
        self.figures = ListFigures(self.model)
        self._related = RelatedCache(self.model)
        self._trend_places: list[str] = []
        self._rule_places: dict[Place, Place] = {}  # each once: every list remembers its own
        self._saying = lru_cache(maxsize=SAYINGS_KEPT)(self._said_by)  # the same for ever: items keep their keys

    # -- users ----------------------------------------------------------------------------------------------------

    def values_of(
        self, asked: Sequence[tuple[User, UserProfile | None]], partition: int, now_ms: int
    ) -> list[UserValues]:
        """Everything that is derived from the users' rows and profiles, from what items know now; of all of them at
        once."""
        made: dict[int, UserValues] = {}
        for treatment, numbers in by_treatment(asked, self.treatments):
            together = [asked[number] for number in numbers]
            values = (
                one
                for batch in at_once(together, self.model)
                for one in self._values_at_once(batch, treatment, partition, now_ms)
            )
            made.update(zip(numbers, values, strict=True))
        return [made[number] for number in range(len(asked))]

    def _values_at_once(
        self, asked: Sequence[tuple[User, UserProfile | None]], treatment: Treatment, partition: int, now_ms: int
    ) -> Iterator[UserValues]:
        model, catalog, settings = self.model, self.model.catalog, self.treatments.settings(treatment)
        ranker = self.treatments.ranker(settings, self._follower.ranker)
        began_s = perf_counter()
        rules = UserRules.of_users(asked, model)
        decisions = Decisions.of(asked, model, ranker, now_ms, self.list_size, settings.generators_off, rules)
        decided_s = perf_counter()
        lists = decided(decisions, model, ranker, self.list_size, settings.rerank)
        ranked_s = perf_counter()
        self.figures.note(lists.items, now_ms)
        if rules is not None:
            self.figures.note_rules(lists.items, rules)
        contexts, vectors = decisions.contexts, lists.vectors.astype("<f4")
        after = after_last(decisions.interests, contexts, self._related)
        unfinished = self._unfinished(asked, contexts)
        ends = [
            lowest_in_rows(rows.offsets, catalog.until_ms[rows.values], ALWAYS_UNTIL_MS)
            for rows in (lists.items, after.items, Ragged.of([row[row >= 0] for row in unfinished.shown]))
        ]
        until_ms = np.minimum.reduce(ends).tolist()
        told, played = self._told(lists).tolist(), _told_of_played(after)
        keys, after_keys = self._item_keys(lists.items.values), self._item_keys(after.items.values)
        steps, after_steps = score_steps(lists.scores), score_steps(after.scores)
        bases = bases_of(decisions.interests, vectors, model, ranker)
        preferred = genre_preferences(decisions.histories, model)
        list_rows, after_rows = lists.items.offsets.tolist(), after.items.offsets.tolist()
        for number, (user, profile) in enumerate(asked):
            own = slice(list_rows[number], list_rows[number + 1])
            row = slice(after_rows[number], after_rows[number + 1])
            stamp = self._stamp(lists.sources[number], partition, now_ms, treatment)
            user_id, offset = user.user_id, user.row.last_offset
            zone = zone_of(profile.timezone if profile is not None else None)
            features_now = features(user, profile, preferred[number], now_ms, zone)
            page = msgspec.json.encode(page_of(contexts, number, features_now.genre_preferences, model))
            listed = scored(keys[own].tobytes(), steps[own].tobytes(), told[own], self._saying)
            next_up = scored(after_keys[row].tobytes(), after_steps[row].tobytes(), played[row], self._saying)
            values = [
                (self._keys.user_list(user_id), stamp.personal(user_id, offset, listed)),
                (
                    self._keys.continue_watching(user_id),
                    stamp.personal(user_id, offset, unfinished.items[number], page=page),
                ),
                (
                    self._keys.user_list(user_id, POST_PLAY),
                    stamp.personal(user_id, offset, next_up, context=POST_PLAY),
                ),
                (self._keys.audience(user_id), audience_record(contexts, number, model, until_ms[number])),
                (self._keys.user_features(user_id), stamp.plain(offset, msgspec.json.encode(features_now))),
            ]
            if bases[number].has_vector:
                values.append((self._keys.user_embedding(user_id), vectors[number].tobytes()))
            # Those that may not be continued now belong to the list too: a change of the catalogue may bring them back.
            room = [ROOM] if own.stop - own.start < self.list_size else []
            items = [
                lists.items.values[own],
                after.items.values[row],
                unfinished.known.row(number),
                np.array(room, np.int32),
            ]
            place = self._rule_places.setdefault(where := place_of((user, profile)), where)
            yield UserValues(np.concatenate(items), values, bases[number], treatment, self.rules_at(place), place)
        stages = self.times.stages
        stages["decide"] += decided_s - began_s
        stages["rank"] += ranked_s - decided_s
        stages["encode"] += perf_counter() - ranked_s

    def outdated(self, lists: Sequence[tuple[ListBasis, int]]) -> list[bool]:
        """For each list, given what it was made with and its age in ms, whether items have taught enough since that it
        is to be made again."""
        model, events, number = self.model, events_of(self.model), self._follower.ranker.number
        return [is_outdated(basis, age_ms, model, events, number) for basis, age_ms in lists]

    def list_key(self, user_id: str) -> str:
        """The key of a user's list."""
        return self._keys.user_list(user_id)

    def audience(self, user: User, profile: UserProfile | None, now_ms: int) -> tuple[str, bytes]:
        """Key and value of what a user may see from now on, though their lists are still those of a former profile."""
        contexts = RequestContexts.alone((user, profile), self.model, now_ms)
        return self._keys.audience(user.user_id), audience_record(contexts, 0, self.model, None)

    def _unfinished(self, asked: Sequence[tuple[User, UserProfile | None]], contexts: RequestContexts) -> _Unfinished:
        """What the users have begun and may go on with."""
        entries = [user.watching.newest_first(self._duration_s) for user, _ in asked]
        rows = [self.model.indices([entry.item_id for entry in own]) for own in entries]
        may_go_on = allowed(Ragged.of([row[row >= 0] for row in rows]), contexts, self.model, AGAIN_RULES)
        allowed_now = iter(may_go_on.keep.tolist())
        shown, items = [], []
        for number, (row, own) in enumerate(zip(rows, entries, strict=True)):
            unheard_of = UNHEARD_OF in row and self._may_see_unheard_of(int(contexts.ages[number]))
            kept = [unheard_of if index == UNHEARD_OF else next(allowed_now) for index in row.tolist()]
            shown.append(row[np.array(kept, np.bool_)])
            items.append(begun([_begun(entry) for entry, keep in zip(own, kept, strict=True) if keep]))
        unfinished = [self.model.indices([row.item_id for row in user.watching.to_rows()]) for user, _ in asked]
        return _Unfinished(shown, items, Ragged.of([row[row >= 0] for row in unfinished]))

    def _may_see_unheard_of(self, age: int) -> bool:
        """Whether a user may see what the model never heard of, once it has: not where there is a catalogue, nor a
        child."""
        return not self.model.catalog.in_use and age >= UNRATED_AGE

    def _duration_s(self, item_id: str) -> float | None:
        return self.model.catalog.duration_s.get(self.model.index(item_id))

    # -- shared ---------------------------------------------------------------------------------------------------

    def shared_value(self, recommendations: Recommendations, now_ms: int) -> bytes:
        """The value of a list that belongs to no user."""
        items = recommendations.item_index
        told = zip(
            recommendations.reason,
            recommendations.reason_code,
            recommendations.algorithms,
            recommendations.reason_item.tolist(),
            strict=True,
        )
        keys, steps = self._item_keys(items), score_steps(recommendations.score)
        listed = scored(keys.tobytes(), steps.tobytes(), list(told), lambda one: self._shared_saying(*one))
        return self._stamp(recommendations.source, 0, now_ms).shared(listed)

    def _shared_saying(self, text: str, code: str, algorithm: str, cited: int) -> Explanation:
        if cited < 0:
            return Explanation(text, code, algorithm)
        return Explanation(text.removesuffix(self.model.title(cited)), code, algorithm, self._key(cited))

    def _item_keys(self, items: NDArray[np.int32]) -> NDArray[np.uint64]:
        return self.model.keys.keys[items].astype(STORED, copy=False)

    def _key(self, index: int) -> int:
        return int(self.model.keys.keys[index])

    def _told(self, lists: Lists) -> NDArray[np.int64]:
        """What is said of each item, as `_said_by` takes it."""
        places = np.array([self._place_number(place) for place in lists.trend_places], np.int64)
        cites = lists.reasons == ListReason.BECAUSE
        event = (lists.cited.astype(np.int64) << _ITEM_SHIFT) | (lists.cited_codes.astype(np.int64) << _CODE_SHIFT)
        place = np.repeat(places, np.diff(lists.items.offsets)) << _CODE_SHIFT
        told: NDArray[np.int64] = lists.reasons | (lists.algorithms << _ALGORITHM_SHIFT) | np.where(cites, event, place)
        return told

    def _place_number(self, place: str) -> int:
        if place not in self._trend_places:
            self._trend_places.append(place)
        return self._trend_places.index(place)

    def _said_by(self, told: int) -> Explanation:
        """A reason and an algorithm, with an item and an event's code, or with a place."""
        reason, code, item = told & _REASON, (told >> _CODE_SHIFT) & _CODE, told >> _ITEM_SHIFT
        algorithm = ALGORITHMS[(told >> _ALGORITHM_SHIFT) & _ALGORITHM]
        if reason == ListReason.BECAUSE:
            return Explanation(because(code, ""), CODES[reason], algorithm, self._key(item))
        return Explanation(text_of(reason, self._trend_places[told >> _CODE_SHIFT]), CODES[reason], algorithm)

    def _stamp(self, source: str, partition: int, now_ms: int, treatment: Treatment = UNTREATED) -> ListStamp:
        return stamp(self._model_version, source, partition, now_ms, now_ms + self.expires_ms, *treatment.names)

    # -- rules and catalogue changes ----------------------------------------------------------------------------------

    @property
    def rules_version(self) -> int:
        """Grows when a rule of an operator begins or ends to hold."""
        return self.model.rules.version

    def rules_at(self, place: Place) -> Signature:
        """The rules that a list of a user there would be made under."""
        return self.model.rules.signature(*place) if self.model.rules.in_force else NO_RULES

    @property
    def made_of(self) -> tuple[int, int, int]:
        """Numbers of which one changes with whatever lists are made of besides the user."""
        return self.catalogue_version, events_of(self.model), self._follower.ranker.number

    @property
    def catalogue_version(self) -> int:
        """Grows with every change of the catalogue but those of titles."""
        return self._follower.catalogue_version

    @property
    def records_said(self) -> int:
        """Grows with every record of the catalogue."""
        return self._follower.records_said

    def items_said_since(self, records_said: int) -> frozenset[str] | None:
        """Items of which the catalogue said something after so many records; None = too long ago to tell."""
        return self._follower.said_since(records_said)

    def items_changed_since(self, catalogue_version: int) -> NDArray[np.int32] | None:
        """Indices of items whose catalogue entry changed after `catalogue_version`, and ROOM; None = too long ago to
        tell."""
        changed = self._follower.changed_since(catalogue_version)
        if changed is None:
            return None
        return np.array([ROOM, *(self.model.index(item_id) for item_id in changed)], np.int32)


def score_steps(scores: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Scores as lists hold them, uint16[scores] in steps of 1/10000. Raises ValueError for one outside of 0..1."""
    steps = np.rint(scores * SCORE_STEPS)
    if not ((steps >= 0) & (steps <= SCORE_STEPS)).all():  # NaN is neither
        raise ValueError(f"a score is not in [0, 1]: {scores}")
    stored: NDArray[np.uint16] = steps.astype("<u2")
    return stored


def _told_of_played(after: AfterLast) -> list[int]:
    """What is said of the items of the rows after the last one, as `_said_by` takes it."""
    anchors, codes, counts = after.anchors.astype(np.int64), after.codes.astype(np.int64), np.diff(after.items.offsets)
    told = _PLAYED | (codes << _CODE_SHIFT) | (anchors << _ITEM_SHIFT)
    repeated: list[int] = np.repeat(told, counts).tolist()
    return repeated


def _begun(entry: Watching) -> Begun:
    return Begun(key_of(entry.item_id), entry.progress_pct, entry.position_s, entry.updated_at_ms)
