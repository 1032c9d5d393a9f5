"""Makes finished list values: rank, word, encode. The only place where the model meets the list format."""

from collections.abc import Iterable

import numpy as np

from agents.item_follower import ItemFollower
from ranking.pipeline import recommend
from ranking.recommendations import Recommendations
from serving.fragments import SCORE_STEPS, continue_fragment, fragments_of, item_head, reason_tail
from serving.keys import Keys
from serving.list_format import ListStamp
from tables.item_model import ItemModel
from tables.user_plane import User


class ListMaker:
    """Turns users and shared recommendations into Redis values; caches the bytes that repeat."""

    def __init__(self, follower: ItemFollower, keys: Keys, model_version: str, list_size: int, expires_ms: int) -> None:
        self.model: ItemModel = follower.model
        self.expires_ms = expires_ms
        self.list_size = list_size
        self._follower = follower
        self._keys = keys
        self._model_version = model_version
        self._heads: dict[int, bytes] = {}
        self._tails: dict[tuple[str, str], bytes] = {}
        self._heads_version = follower.catalogue_version
        self._shown: dict[str, frozenset[str]] = {}

    # -- users ----------------------------------------------------------------------------------------------------

    def user_values(self, user_id: str, user: User, partition: int, now_ms: int) -> list[tuple[str, bytes]]:
        """(key, value) of everything that is derived from one user's row."""
        personal = recommend(user, None, self.model, now_ms, self.list_size)
        stamp = self._stamp(personal.source, partition, now_ms)
        offset = user.row.last_offset
        self._shown[user_id] = frozenset(self.model.ids[index] for index in personal.item_index)
        return [
            (self._keys.user_list(user_id), stamp.personal(user_id, offset, self.fragments(personal))),
            (self._keys.continue_watching(user_id), stamp.personal(user_id, offset, self._continue(user))),
        ]

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
        heads = [self._head(index) for index in recommendations.item_index.tolist()]
        steps = np.rint(recommendations.score * SCORE_STEPS).astype(int).tolist()
        tails = [
            self._tail(reason, code)
            for reason, code in zip(recommendations.reason, recommendations.reason_code, strict=True)
        ]
        return fragments_of(heads, steps, tails)

    def _stamp(self, source: str, partition: int, now_ms: int) -> ListStamp:
        return ListStamp(self._model_version, source, partition, now_ms, now_ms + self.expires_ms)

    def _head(self, index: int) -> bytes:
        head = self._heads.get(index)
        if head is None:
            head = self._heads[index] = item_head(self.model.ids[index], self.model.title(index))
        return head

    def _tail(self, reason: str, code: str) -> bytes:
        tail = self._tails.get((reason, code))
        if tail is None:
            tail = self._tails[reason, code] = reason_tail(reason, code)
        return tail

    # -- catalogue changes ----------------------------------------------------------------------------------------

    @property
    def catalogue_version(self) -> int:
        """Grows with every change of the catalogue."""
        return self._follower.catalogue_version

    def users_affected(self, since_version: int, users: Iterable[str]) -> list[str]:
        """Those of `users` whose list shows an item that changed after catalogue version `since_version`; a list that
        this process did not make counts as showing everything.
        """
        changed = self._follower.changed_since(since_version)
        if changed is None:
            return list(users)
        return [user for user in users if (shown := self._shown.get(user)) is None or shown & changed]

    def _drop_stale_heads(self) -> None:
        if self._heads_version != self._follower.catalogue_version:
            self._heads_version = self._follower.catalogue_version
            self._heads.clear()
            self._tails.clear()
