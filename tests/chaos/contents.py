"""What Redis holds of every user, against what this code makes of the committed tables: contents, not only offsets.

Whatever depends on the user alone must be the same: what there is to continue, the features. Lists depend on what
items had learned when they were made, which is never exactly what they know now, so that they must show nothing that
the rules forbid by now, and mostly the items that a list would show that is made now.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from harness.cluster import PARTITIONS, Cluster
from harness.patience import Patience

from agents.followers.item_follower import ItemFollower
from agents.followers.profiles import Profiles
from agents.lists.list_maker import ListMaker
from ranking.filters.eligibility import AGAIN_RULES, RULES, allowed
from ranking.filters.request_context import RequestContexts
from ranking.ragged import Ragged
from serving.joined_list import decode
from serving.keys import HOMEPAGE, POST_PLAY
from serving.list_format import read_keys, read_prefix
from serving.redis_clients import read_many
from streams.kafka.bulk_read import read_topics
from tables import user_keys
from tables.user import User

HISTORY = 100
LIST_SIZE = 20
SETTLE_WITHIN_S = 60.0
#: Of the items of a list, how many at least a list shows that is made now: of whoever has one event, most are what all
#: others use lately. And of all lists, in the mean.
IN_COMMON, IN_COMMON_MEAN = 0.2, 0.5
#: For how long what everybody likes is taken to be the same.
PRIORS_MS = 30_000


@dataclass
class Contents:
    """How many users were compared, and those of whom something is not as it must be, with the first reason."""

    users: int = 0
    wrong: dict[str, str] = field(default_factory=dict)
    in_common: list[float] = field(default_factory=list)
    priors_ms: int = 0

    @property
    def share_in_common(self) -> float:
        """Of all lists, the mean share of items that a list shows that is made now."""
        return float(np.mean(self.in_common)) if self.in_common else 1.0


async def compare_contents(cluster: Cluster) -> Contents:
    """All users of a version that has settled."""
    followed, profiles = await _followed(cluster), await _profiles(cluster)
    followed.model.refresh_vectors()
    maker = ListMaker(followed, cluster.keys, cluster.version, LIST_SIZE, 1)
    contents = Contents()
    for partition, user in await _users(cluster):
        profile = profiles.of(partition).get(user.user_id)
        keys = _keys(cluster, user.user_id)
        stored = dict(zip(keys, _stored(cluster, partition, keys), strict=True))
        contents.users += 1
        if why := _compared(contents, maker, partition, user, profile, stored):
            contents.wrong[user.user_id] = why
    if contents.share_in_common < IN_COMMON_MEAN:
        contents.wrong["everybody"] = f"{contents.share_in_common:.0%} of all lists is what they would show now"
    return contents


async def contents_settle(cluster: Cluster) -> Contents:
    """The same once nothing is wrong any more, at the latest when a sweep should long have made it right: a list is
    made again some time after items have learned much or the catalogue has changed."""
    patience = Patience(SETTLE_WITHIN_S)
    while True:
        cluster.workers.tend()
        contents = await compare_contents(cluster)
        if not contents.wrong or patience.is_over:
            return contents


def _compared(
    contents: Contents, maker: ListMaker, partition: int, user: User, profile: Any, stored: dict[str, bytes | None]
) -> str:
    homepage, post_play, continued, features = stored.values()
    if homepage is None or post_play is None or continued is None or features is None:
        return "something is missing"
    made_ms = read_prefix(homepage).generated_at_ms
    if abs(made_ms - contents.priors_ms) > PRIORS_MS:
        contents.priors_ms = made_ms
        maker.model.refresh_priors(made_ms)
    values = dict(maker.values_of([(user, profile)], partition, made_ms)[0].values)
    wanted = [values[key] for key in stored]
    if _items(continued) != _items(wanted[2]):
        return f"continues {_items(continued)!r}, not {_items(wanted[2])!r}"
    if (said := json.loads(features)) != (facts := json.loads(wanted[3])):
        wrong = {name: (said.get(name), value) for name, value in facts.items() if said.get(name) != value}
        return f"features (found, wanted): {wrong}"
    for name, found in (("list", homepage), ("list after a video", post_play)):
        if forbidden := _forbidden(maker, user, profile, made_ms, found):
            return f"the {name} shows {forbidden}"
    shown, now = _shown(homepage), _shown(wanted[0])
    if shown or now:
        contents.in_common.append(len(set(shown) & set(now)) / max(len(shown), len(now)))
        if contents.in_common[-1] < IN_COMMON:
            return f"{contents.in_common[-1]:.0%} of the list is what one that is made now shows"
    return ""


def _forbidden(maker: ListMaker, user: User, profile: Any, now_ms: int, value: bytes) -> list[str]:
    """Item ids and the rules that forbid them. What is shown again is said to be."""
    model = maker.model
    entries = _items(value)
    ids = {f"{key:016x}": item_id for key, item_id in zip(model.keys.keys.tolist(), model.ids, strict=False)}
    fragments = [entry | {"item_id": ids.get(entry["item_key"], entry["item_key"])} for entry in entries]
    contexts = RequestContexts.alone((user, profile), model, now_ms)
    found = [entry["item_id"] for entry in fragments if model.index(entry["item_id"]) < 0]
    again = {model.index(entry["item_id"]) for entry in fragments if entry["reason_code"] == "seen_again"}
    items = np.array([index for entry in fragments if (index := model.index(entry["item_id"])) >= 0], np.int32)
    first = np.array([index for index in items.tolist() if index not in again], np.int32)
    for shown, rules in ((first, RULES), (np.array([*again], np.int32), AGAIN_RULES)):
        dropped_by = allowed(Ragged.of([shown]), contexts, model, rules).dropped_by.tolist()
        broken = [(index, rule) for index, rule in zip(shown.tolist(), dropped_by, strict=True) if rule >= 0]
        found += [f"{model.ids[index]} ({rules[rule].__name__})" for index, rule in broken]
    return found


def _items(value: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = decode(value, {})["recommendations"]
    return found


def _shown(value: bytes) -> list[int]:
    return list(read_keys(value, read_prefix(value)))


def _keys(cluster: Cluster, user_id: str) -> list[str]:
    keys = cluster.keys
    return [
        keys.user_list(user_id, HOMEPAGE),
        keys.user_list(user_id, POST_PLAY),
        keys.continue_watching(user_id),
        keys.user_features(user_id),
    ]


def _stored(cluster: Cluster, partition: int, keys: Sequence[str]) -> list[bytes | None]:
    return read_many(cluster.redis, [cluster.keys.at(partition, key) for key in keys])


async def _followed(cluster: Cluster) -> ItemFollower:
    follower = ItemFollower(cluster.place.bootstrap, cluster.topics)
    await follower.start()
    await follower.stop()
    return follower


async def _profiles(cluster: Cluster) -> Profiles:
    profiles = Profiles(PARTITIONS)
    await read_topics(cluster.place.bootstrap, [cluster.topics.profiles], profiles.apply)
    return profiles


async def _users(cluster: Cluster) -> list[tuple[int, User]]:
    rows = await cluster.user_rows()
    stores: list[dict[bytes, bytes]] = [{} for _ in range(PARTITIONS)]
    for (partition, key), value in rows.items():
        stores[partition][key] = value
    return list(_loaded(stores))


def _loaded(stores: Sequence[dict[bytes, bytes]]) -> Iterator[tuple[int, User]]:
    for partition, store in enumerate(stores):
        for key in store:
            if key[:1] == user_keys.USER and (user := User.load(store, key[1:].decode(), HISTORY)) is not None:
                yield partition, user
