"""Names of every Redis key that Freshet writes or reads.

    {namespace}:{version}:list:{u:USER}:{context}      list_format, one value a user and context
    {namespace}:{version}:popular:{context}            list_format, shared: what an unknown user gets
    {namespace}:{version}:popular:{context}:{segment}  list_format, shared: the same for one segment (a country)
    {namespace}:{version}:row:{row}:{segment}          list_format, shared rows of homepages: new (country or *), genre
    {namespace}:{version}:similar:{i:ITEM}             list_format, shared: up to 100 neighbours of one item
    {namespace}:{version}:continue:{u:USER}            list_format, fragments of serving.fragments.continue_fragment
    {namespace}:{version}:audience:{u:USER}            what the user may see, see serving.audience
    {namespace}:{version}:trending:{region}:{window}   zset item_id -> score, the contract for other readers
    {namespace}:{version}:trending_list:{region}:{window}[:{category}]   list_format: the same, ready for the endpoint
    {namespace}:{version}:search_trending:{region}:{window}   zset query -> score
    {namespace}:{version}:missed:{partition}           zset user_id -> second of a read without a list, taken by workers
    {namespace}:{version}:order:{KEY}                  "term:sequence" of the zset KEY, see serving.write_order
    {namespace}:{version}:written:{format}:{partition} what is written of its lists, serving.write_order.WrittenPosition
    {namespace}:{version}:erased:{partition}           position before which the partition's erasures are carried out
    {namespace}:{version}:holder:{partition}           term of whoever writes what belongs to its users
    {namespace}:{version}:user_features:{u:USER}       one JSON object, tables.user_features, written with the list
    {namespace}:{version}:user_emb:{u:USER}            128 float32, little-endian
    {namespace}:cards:{version}                        hash item key -> what answers say of it, see serving/item_card.py
    {namespace}:card_changes:{version}                 zset item key -> number of the last change of its card
    {namespace}:card_stamp:{version}                   "epoch:number" of the last change; another epoch: all of it anew
    {namespace}:card_order:{version}                   hash item partition -> "term:sequence" of its last change
    {namespace}:item_features:{version}                hash item key -> one JSON object, figures about the item
    {namespace}:item_features_order:{version}          hash item partition -> "term:sequence" of its last change
    {namespace}:blocked:{version}                      of the former release: set of items that no answer may show
    {namespace}:restated:{version}                     of the former release: hash item -> who may be shown it
    {namespace}:{blocked,restated}_{stamp,order}:{version}   of the former release
    {namespace}:readers:{partition}                    zset user_id -> second of the last read, kept by the endpoint
    {namespace}:rate:{u:READER}                        rate limit of one reader
    {namespace}:events:{u:USER}                        rate limit of the events of one user, see serving/collect
    {namespace}:live                                   JSON, see serving.live_pointer
    {namespace}:experiments                            JSON: the running ones, see serving.experiments

popular, row and trending_list are also written as popular@12 and so on, for each maturity that some of their items
exceed: the same of items up to that maturity.

Why trending has two keys: the zset is for other readers, and says nothing of reasons.
The hash tag {i:ITEM} spreads items over the slots of a Redis Cluster, and {KEY} puts an order beside its KEY.

In a cluster (`Keys.clustered`) some keys have a place behind the namespace, the first braces and therefore the hash tag
that counts (decision 45): {PARTITION} in those of a partition and of its users, {VERSION} in those of items' cards. So
all that scripts touch together, and all that a written position speaks of, is in one slot, and falls back together:
`shop:{3}v1:list:{u:7}:homepage`, `shop:{3}v1:holder:3`, `shop:{3}readers:3`, `shop:{v1}cards:v1`.

The namespace part is left out when the namespace is empty.
No key can be read as another namespace's or version's: the words that stand here for kinds of keys are no names of
versions, and those that follow a namespace directly are no names of either. So `a:list:...` is a key of a version of
the empty namespace and `a:b:list:...` one of the namespace `a`, whatever `a` and `b` are.
A region is a country (ISO 3166-1 alpha-2), one of REGIONS, or "*" = everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from serving.list_format import FORMAT_VERSION
from streams.contract.catalog import MATURITIES

GLOBAL_REGION = "*"
REGIONS = ("africa", "antarctica", "asia", "europe", "north-america", "oceania", "south-america")
HOMEPAGE = "homepage"
POST_PLAY = "post_play"
NEW_ROW = "new"
GENRE_ROW = "genre"
CONTEXTS = ("homepage", "post_play", "search")
#: Of those, the ones that have lists of their own: every user with a list has all of them.
WRITTEN_CONTEXTS = (HOMEPAGE, POST_PLAY)
WINDOWS = ("24h", "7d")
TRENDING_TTL_S = 900
LIST_TTL_S = 7 * 24 * 3600

#: What follows a version in its keys.
KINDS = frozenset(
    {
        *("list", "popular", "row", "similar", "continue", "trending", "trending_list", "search_trending", "audience"),
        *(f"{kind}@{maturity}" for kind in ("popular", "row", "trending_list") for maturity in MATURITIES[:-1]),
        *("written", "erased", "holder", "missed", "order", "user_features", "user_emb", "worker"),
    }
)
#: What follows a namespace in keys that belong to no version, or to one whose name comes later.
OF_FORMER_RELEASE = ("blocked", "blocked_stamp", "blocked_order", "restated", "restated_stamp", "restated_order")
OF_CARDS = ("cards", "card_changes", "card_stamp", "card_order")
OF_ITEMS = (*OF_CARDS, "item_features", "item_features_order", *OF_FORMER_RELEASE)
SHARED_KINDS = frozenset({*OF_ITEMS, "readers", "rate", "live", "experiments"})

#: How keys begin that count one user's events. The word alone is reserved nowhere: it may be a namespace or a version,
#: neither of which is followed by a user.
_COUNTED_EVENTS = "events:{u:"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]*")


def check_names(namespace: str, version: str) -> None:
    """Raises ValueError unless no other namespace and version can have a key of theirs, or a pattern that matches one.

    >>> check_names("demo", "v1")
    >>> check_names("", "list")
    Traceback (most recent call last):
    ...
    ValueError: version 'list' is reserved: it is a word in the names of Redis keys
    """
    for what, name, reserved in (("namespace", namespace, SHARED_KINDS), ("version", version, KINDS | SHARED_KINDS)):
        if not _PLAIN_NAME.fullmatch(name):
            raise ValueError(f"{what} {name!r} may hold only letters, digits, '.', '_' and '-'")
        if name in reserved:
            raise ValueError(f"{what} {name!r} is reserved: it is a word in the names of Redis keys")
    if not version:
        raise ValueError("the model version may not be empty")


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names of one namespace and model version.

    Both are limited to letters, digits, ".", "_" and "-", so that none is a glob, and to names that are no words of
    keys, so that no two pairs share one. Raises ValueError otherwise, or when the version is empty.
    """

    namespace: str = ""
    version: str = "v1"
    clustered: bool = False

    def __post_init__(self) -> None:
        check_names(self.namespace, self.version)

    def _of(self, kind: str, name: str) -> str:
        assert kind in KINDS, f"{kind} is not among the kinds of keys"
        return f"{self.prefix}{kind}:{name}"

    def at(self, partition: int, key: str) -> str:
        """A key of one of the partition's users, or of the partition, where it is.

        >>> Keys("a", clustered=True).at(3, "a:v1:list:{u:7}:homepage"), Keys("a").at(3, "a:v1:list:{u:7}:homepage")
        ('a:{3}v1:list:{u:7}:homepage', 'a:v1:list:{u:7}:homepage')
        """
        return f"{self.root}{{{partition}}}{key[len(self.root) :]}" if self.clustered else key

    def unplaced(self, key: str) -> str:
        """A key of the namespace without its place.

        >>> Keys("a").unplaced("a:{3}v1:list:{u:7}:homepage"), Keys("a").unplaced("b:{3}live")
        ('a:v1:list:{u:7}:homepage', 'b:{3}live')
        """
        if not key.startswith(f"{self.root}{{"):
            return key
        place, closed, name = key[len(self.root) :].partition("}")
        return self.root + name if closed and ":" not in place else key

    def owns(self, key: str) -> bool:
        """Whether a key belongs to this version: not every key that starts with its prefix does, others may be those of
        a namespace that has the version's name.

        >>> Keys("", "v1").owns("v1:list:{u:7}:homepage"), Keys("", "v1").owns("v1:v1:list:{u:7}:homepage")
        (True, False)
        """
        if key in self.of_items:
            return True
        key = self.unplaced(key)
        return key.startswith(self.prefix) and key[len(self.prefix) :].partition(":")[0] in KINDS

    def namespace_owns(self, key: str) -> bool:
        """Whether a key belongs to any version of the namespace, or to none of them.

        >>> Keys("v1").namespace_owns("v1:v1:list:{u:7}:homepage"), Keys("v1").namespace_owns("v1:list:{u:7}:homepage")
        (True, False)
        """
        return key.startswith(self.root) and self._is_in_namespace(self.unplaced(key)[len(self.root) :])

    @staticmethod
    def _is_in_namespace(name: str) -> bool:
        first, _, rest = name.partition(":")
        counts = name.startswith(_COUNTED_EVENTS)
        return counts or first in SHARED_KINDS or (first not in KINDS and rest.partition(":")[0] in KINDS)

    def notes_users(self, key: str) -> bool:
        """Whether a key is a sorted set of users of the namespace: who has read, or found no list."""
        if not key.startswith(self.root):
            return False
        name, _, partition = self.unplaced(key)[len(self.root) :].rpartition(":")
        if not partition.isdecimal():
            return False
        version, _, kind = name.rpartition(":")
        return name == "readers" or (kind == "missed" and version != "" and ":" not in version)

    def names_user(self, key: str, user_id: str) -> bool:
        """Whether a key is one of the user's in any version of the namespace."""
        if not key.startswith(self.root):
            return False
        key = self.unplaced(key)
        name = key[len(self.root) :]
        if name in (f"rate:{{u:{user_id}}}", f"{_COUNTED_EVENTS}{user_id}}}"):
            return True
        try:
            keys = Keys(self.namespace, name.partition(":")[0])
        except ValueError:
            return False
        return key in keys.of_user(user_id)

    @property
    def root(self) -> str:
        """What every key of the namespace starts with; empty for the empty namespace."""
        return f"{self.namespace}:" if self.namespace else ""

    @property
    def prefix(self) -> str:
        """What every key of this version starts with."""
        return f"{self.root}{self.version}:"

    def user_list(self, user_id: str, context: str = HOMEPAGE) -> str:
        """The ready list of one user in one context."""
        return self._of("list", f"{{u:{user_id}}}:{context}")

    def popular(self, context: str = HOMEPAGE, segment: str = "", maturity: str = "") -> str:
        """The shared list for unknown users, of everyone or of one segment (ISO country); of all items or of those up
        to one maturity."""
        return self._of(_up_to("popular", maturity), context) + (f":{segment}" if segment else "")

    def row(self, row: str, segment: str, maturity: str = "") -> str:
        """A shared row of homepages: "new" of a country ("*" = everywhere), "genre" of a genre; as above."""
        return self._of(_up_to("row", maturity), f"{row}:{segment}")

    def similar(self, item_id: str) -> str:
        """The neighbours of one item."""
        return self._of("similar", f"{{i:{item_id}}}")

    def continue_watching(self, user_id: str) -> str:
        """What one user has begun and not finished."""
        return self._of("continue", f"{{u:{user_id}}}")

    def audience(self, user_id: str) -> str:
        """What one user may see."""
        return self._of("audience", f"{{u:{user_id}}}")

    def trending(self, region: str, window: str) -> str:
        """The zset item_id -> score of a region ("*" = everywhere) and window ("24h" or "7d"), of what strangers may be
        shown there (`FRESHET_DEFAULT_MATURITY`)."""
        return self._of("trending", f"{region}:{window}")

    def search_trending(self, region: str, window: str) -> str:
        """The zset query -> score of what is searched for in a region and window."""
        return self._of("search_trending", f"{region}:{window}")

    def trending_list(self, region: str, window: str, category: str = "", maturity: str = "") -> str:
        """The same as `trending`, in list_format; of all items or of one category; as above."""
        kind = _up_to("trending_list", maturity)
        return self._of(kind, f"{region}:{window}") + (f":{category}" if category else "")

    def written(self, partition: int) -> str:
        """How far this version wrote all lists of one partition; gone when Redis was wiped. Lists of another format
        count as not written, because their readers have gone on to this one."""
        return self.at(partition, self._of("written", f"{FORMAT_VERSION}:{partition}"))

    def order(self, key: str) -> str:
        """What a sorted set of this version was written by; in the same slot of a Redis Cluster."""
        return self._of("order", f"{{{key}}}")

    def missed(self, partition: int) -> str:
        """Who came to read lately and lacked a list of this version, by the partition of the user."""
        return self.at(partition, self._of("missed", str(partition)))

    def erased(self, partition: int) -> str:
        """The position in the partition's erasures before which nothing is left of anybody; goes with `written`."""
        return self.at(partition, self._of("erased", str(partition)))

    def holder(self, partition: int) -> str:
        """Who may write the keys of the partition's users; whoever else tries is refused."""
        return self.at(partition, self._of("holder", str(partition)))

    def user_features(self, user_id: str) -> str:
        """The features of one user."""
        return self._of("user_features", f"{{u:{user_id}}}")

    def user_embedding(self, user_id: str) -> str:
        """128 float32, little-endian."""
        return self._of("user_emb", f"{{u:{user_id}}}")

    def of_user(self, user_id: str) -> list[str]:
        """Every key that holds something of one user."""
        lists = [self.user_list(user_id, context) for context in CONTEXTS]
        return [
            *lists,
            self.continue_watching(user_id),
            self.audience(user_id),
            self.user_features(user_id),
            self.user_embedding(user_id),
        ]

    @property
    def of_items(self) -> list[str]:
        """Every key of the version that says what items are, and who may be shown them."""
        return [self._of_items(kind) for kind in OF_ITEMS]

    def _of_items(self, kind: str) -> str:
        assert kind in OF_ITEMS, f"{kind} is not among the kinds of keys"
        place = f"{{{self.version}}}" if self.clustered else ""
        return f"{self.root}{place}{kind}:{self.version}"

    @property
    def cards(self) -> str:
        """The hash item key -> card."""
        return self._of_items("cards")

    @property
    def card_changes(self) -> str:
        """The sorted set of item keys by the number of the last change of their cards."""
        return self._of_items("card_changes")

    @property
    def card_stamp(self) -> str:
        """What tells readers that cards changed."""
        return self._of_items("card_stamp")

    @property
    def card_order(self) -> str:
        """What each item partition's cards were written by."""
        return self._of_items("card_order")

    @property
    def item_features(self) -> str:
        """The hash item key -> figures about the item."""
        return self._of_items("item_features")

    @property
    def item_features_order(self) -> str:
        """What each item partition's figures were written by."""
        return self._of_items("item_features_order")

    @property
    def blocked(self) -> str:
        """The set of item ids that workers of the former release hide."""
        return self._of_items("blocked")

    @property
    def restated(self) -> str:
        """The hash item id -> time and facts of items that workers of the former release restrict."""
        return self._of_items("restated")

    def readers(self, partition: int) -> str:
        """Who has read lately, by the partition of the user: the sweep keeps their lists right."""
        return self.at(partition, f"{self.root}readers:{partition}")

    @property
    def live(self) -> str:
        """The pointer that promote and rollback switch."""
        return f"{self.root}live"

    @property
    def experiments(self) -> str:
        """The running experiments, for endpoints."""
        return f"{self.root}experiments"


def _up_to(kind: str, maturity: str) -> str:
    return f"{kind}@{maturity}" if maturity else kind
