"""Names of every Redis key that Freshet writes or reads.

    {namespace}:{version}:list:{u:USER}:{context}      list_format, one value a user and context
    {namespace}:{version}:popular:{context}            list_format, shared: what an unknown user gets
    {namespace}:{version}:popular:{context}:{segment}  list_format, shared: the same for one segment (a country)
    {namespace}:{version}:row:{row}:{segment}          list_format, shared rows of homepages: new (country or *), genre
    {namespace}:{version}:similar:{i:ITEM}             list_format, shared: up to 100 neighbours of one item
    {namespace}:{version}:continue:{u:USER}            list_format, fragments of serving.fragments.continue_fragment
    {namespace}:{version}:trending:{region}:{window}   zset item_id -> score, the contract for other readers
    {namespace}:{version}:trending_list:{region}:{window}[:{category}]   list_format: the same, ready for the endpoint
    {namespace}:{version}:search_trending:{region}:{window}   zset query -> score
    {namespace}:{version}:written:{partition}          position before which the partition's lists are all written
    {namespace}:{version}:user_features:{u:USER}       one JSON object, tables.user_features, written with the list
    {namespace}:{version}:user_emb:{u:USER}            128 float32, little-endian
    {namespace}:blocked:{version}                      set of item ids that no answer may show
    {namespace}:blocked_stamp:{version}                counter, changes with every change of the set above
    {namespace}:readers:{partition}                    zset user_id -> second of the last read, kept by the endpoint
    {namespace}:rate:{u:READER}                        rate limit of one reader
    {namespace}:live                                   JSON, see serving.live_pointer

Why trending has two keys: a zset alone would make the endpoint look up a title per item at read time.
The hash tags {u:USER} and {i:ITEM} keep one user's or item's keys in one Redis Cluster slot.
The namespace part is left out when the namespace is empty.
A region is a country (ISO 3166-1 alpha-2), one of REGIONS, or "*" = everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GLOBAL_REGION = "*"
REGIONS = ("africa", "antarctica", "asia", "europe", "north-america", "oceania", "south-america")
HOMEPAGE = "homepage"
POST_PLAY = "post_play"
NEW_ROW = "new"
GENRE_ROW = "genre"
CONTEXTS = ("homepage", "post_play", "search")
WINDOWS = ("24h", "7d")
TRENDING_TTL_S = 900
LIST_TTL_S = 7 * 24 * 3600

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names of one namespace and model version.

    Both are limited to letters, digits, ".", "_" and "-", so that no two pairs share a prefix and none is a glob.
    Raises ValueError otherwise, or when the version is empty.
    """

    namespace: str = ""
    version: str = "v1"

    def __post_init__(self) -> None:
        for name in (self.namespace, self.version):
            if not _PLAIN_NAME.fullmatch(name):
                raise ValueError(f"{name!r} may hold only letters, digits, '.', '_' and '-'")
        if not self.version:
            raise ValueError("the model version may not be empty")

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
        return f"{self.prefix}list:{{u:{user_id}}}:{context}"

    def popular(self, context: str = HOMEPAGE, segment: str = "") -> str:
        """The shared list for unknown users, of everyone or of one segment (ISO country)."""
        return f"{self.prefix}popular:{context}" + (f":{segment}" if segment else "")

    def row(self, row: str, segment: str) -> str:
        """A shared row of homepages: "new" of a country ("*" = everywhere), "genre" of a genre."""
        return f"{self.prefix}row:{row}:{segment}"

    def similar(self, item_id: str) -> str:
        """The neighbours of one item."""
        return f"{self.prefix}similar:{{i:{item_id}}}"

    def continue_watching(self, user_id: str) -> str:
        """What one user has begun and not finished."""
        return f"{self.prefix}continue:{{u:{user_id}}}"

    def trending(self, region: str, window: str) -> str:
        """The zset item_id -> score of a region ("*" = everywhere) and window ("24h" or "7d")."""
        return f"{self.prefix}trending:{region}:{window}"

    def search_trending(self, region: str, window: str) -> str:
        """The zset query -> score of what is searched for in a region and window."""
        return f"{self.prefix}search_trending:{region}:{window}"

    def trending_list(self, region: str, window: str, category: str = "") -> str:
        """The same as `trending`, in list_format; of all items or of one category."""
        return f"{self.prefix}trending_list:{region}:{window}" + (f":{category}" if category else "")

    def written(self, partition: int) -> str:
        """The position before which this version wrote all lists of one partition; gone when Redis was wiped."""
        return f"{self.prefix}written:{partition}"

    def user_features(self, user_id: str) -> str:
        """The features of one user."""
        return f"{self.prefix}user_features:{{u:{user_id}}}"

    def user_embedding(self, user_id: str) -> str:
        """128 float32, little-endian."""
        return f"{self.prefix}user_emb:{{u:{user_id}}}"

    def of_user(self, user_id: str) -> list[str]:
        """Every key that holds something of one user."""
        lists = [self.user_list(user_id, context) for context in CONTEXTS]
        return [*lists, self.continue_watching(user_id), self.user_features(user_id), self.user_embedding(user_id)]

    @property
    def blocked(self) -> str:
        """The set of item ids that the endpoint skips at once."""
        return f"{self.root}blocked:{self.version}"

    @property
    def blocked_stamp(self) -> str:
        """A counter that tells readers when to read the blocked items again."""
        return f"{self.root}blocked_stamp:{self.version}"

    def readers(self, partition: int) -> str:
        """Who has read lately, by the partition of the user: the sweep keeps their lists right."""
        return f"{self.root}readers:{partition}"

    @property
    def live(self) -> str:
        """The pointer that promote and rollback switch."""
        return f"{self.root}live"
