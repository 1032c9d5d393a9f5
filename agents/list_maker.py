"""Makes finished list values: rank, word, encode. The only place where the model meets the list format."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.item_follower import ItemFollower
from ranking.decision import Decision
from ranking.pipeline import DEFAULT_RULES, decided
from ranking.recommendations import Recommendations
from ranking.rerank.settings import RerankSettings
from ranking.rows import after_last, page_of
from serving.fragments import SCORE_STEPS, continue_fragment, fragments_of, item_head, reason_tail
from serving.keys import POST_PLAY, Keys
from serving.list_format import ListStamp
from streams.catalog import UserProfile
from tables.item_model import ItemModel
from tables.user_features import UserFeatures, features
from tables.user_plane import User

#: In the place of an item's index: room for more in a short list, which any change of the catalogue may fill.
ROOM = -1


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of an IANA name; None when this machine knows no such zone.

    >>> zone_of("Europe/Amsterdam"), zone_of("Middle-earth/Shire")
    (zoneinfo.ZoneInfo(key='Europe/Amsterdam'), None)
    """
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not found, a folder, no name for a file
        return None


Key = TypeVar("Key")


class Kept(dict[Key, bytes]):
    """Bytes that repeat, made when they are first asked for; asking again runs no Python."""

    def __init__(self, make: Callable[[Key], bytes]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: Key) -> bytes:
        made = self[key] = self._make(key)
        return made


def _tail(reason: tuple[str, str]) -> bytes:
    return reason_tail(*reason)


#: What the lists of a batch share.
stamp = lru_cache(maxsize=64)(ListStamp)


class ListMaker:
    """Turns users and shared recommendations into Redis values; caches the bytes that repeat."""

    def __init__(
        self,
        follower: ItemFollower,
        keys: Keys,
        model_version: str,
        list_size: int,
        expires_ms: int,
        rerank: RerankSettings = DEFAULT_RULES,
    ) -> None:
        self.model: ItemModel = follower.model
        self.expires_ms = expires_ms
        self.list_size = list_size
        self._follower = follower
        self._keys = keys
        self._model_version = model_version
        self._rerank = rerank
        self._heads = Kept(self._head)
        self._tails = Kept(_tail)
        self._heads_version = follower.catalogue_version

    # -- users ----------------------------------------------------------------------------------------------------

    def user_values(
        self, user: User, profile: UserProfile | None, partition: int, now_ms: int
    ) -> tuple[NDArray[np.int32], list[tuple[str, bytes]]]:
        """The item indices that the user's list shows, ROOM among them when it is short, and (key, value) of everything
        derived from the user's row and profile, the list first."""
        model, ranker = self.model, self._follower.ranker
        decision = Decision.of(user, profile, model, ranker, now_ms, self.list_size)
        personal = decided(decision, model, ranker, self.list_size, self._rerank)
        stamp = self._stamp(personal.source, partition, now_ms)
        user_id, offset = user.user_id, user.row.last_offset
        after = after_last(decision.taste, decision.viewer, model)
        facts = self._features(user, profile, now_ms)
        page = msgspec.json.encode(page_of(decision.viewer, facts.genre_preferences, model))
        continued, played = self._continue(user), self.fragments(after)
        room = [ROOM] if len(personal) < self.list_size else []
        embedding = [(self._keys.user_embedding(user_id), personal.user_vector.astype("<f4").tobytes())]
        return np.concatenate([personal.item_index, after.item_index, np.array(room, np.int32)]), [
            (self._keys.user_list(user_id), stamp.personal(user_id, offset, self.fragments(personal))),
            (self._keys.continue_watching(user_id), stamp.personal(user_id, offset, continued, page=page)),
            (self._keys.user_list(user_id, POST_PLAY), stamp.personal(user_id, offset, played, context=POST_PLAY)),
            (self._keys.user_features(user_id), stamp.plain(offset, msgspec.json.encode(facts))),
            *(embedding if personal.user_vector.any() else ()),
        ]

    def _features(self, user: User, profile: UserProfile | None, now_ms: int) -> UserFeatures:
        zone = zone_of(profile.timezone) if profile is not None and profile.timezone else None
        return features(user, profile, self.model, now_ms, zone)

    def _continue(self, user: User) -> list[bytes]:
        return [
            continue_fragment(
                entry.item_id, self._title(entry.item_id), entry.progress_pct, entry.position_s, entry.updated_at_ms
            )
            for entry in user.watching.newest_first()
        ]

    def _title(self, item_id: str) -> str:
        index = self.model.index(item_id)
        return item_id if index < 0 else self.model.title(index)

    # -- shared ---------------------------------------------------------------------------------------------------

    def shared_value(self, recommendations: Recommendations, now_ms: int) -> bytes:
        """The value of a list that belongs to no user."""
        return self._stamp(recommendations.source, 0, now_ms).shared(self.fragments(recommendations))

    def fragments(self, recommendations: Recommendations) -> list[bytes]:
        """The items of a list as JSON objects."""
        self._drop_stale_heads()
        steps = np.rint(recommendations.score * SCORE_STEPS).astype(int).tolist()
        return fragments_of(
            map(self._heads.__getitem__, recommendations.item_index.tolist()),
            steps,
            map(self._tails.__getitem__, zip(recommendations.reason, recommendations.reason_code, strict=True)),
        )

    def _head(self, index: int) -> bytes:
        return item_head(self.model.ids[index], self.model.title(index))

    def _stamp(self, source: str, partition: int, now_ms: int) -> ListStamp:
        return stamp(self._model_version, source, partition, now_ms, now_ms + self.expires_ms)

    # -- catalogue changes ----------------------------------------------------------------------------------------

    @property
    def catalogue_version(self) -> int:
        """Grows with every change of the catalogue."""
        return self._follower.catalogue_version

    def items_changed_since(self, catalogue_version: int) -> NDArray[np.int32] | None:
        """Indices of items whose catalogue entry changed after `catalogue_version`, and ROOM; None = too long ago to
        tell."""
        changed = self._follower.changed_since(catalogue_version)
        if changed is None:
            return None
        return np.array([ROOM, *(self.model.index(item_id) for item_id in changed)], np.int32)

    def _drop_stale_heads(self) -> None:
        if self._heads_version != self._follower.catalogue_version:
            self._heads_version = self._follower.catalogue_version
            self._heads.clear()
            self._tails.clear()
