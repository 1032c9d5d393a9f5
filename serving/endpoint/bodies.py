"""Puts answers together from bytes that are already JSON."""

from __future__ import annotations

import re
import secrets
import time
from binascii import hexlify
from itertools import count
from zlib import crc32

import orjson

from serving.endpoint.supply import FoundList
from serving.endpoint.versions import Version
from serving.experiments import UNTREATED, Treatment
from serving.list_format import PREFIX_BYTES, WHICH_ONE, Prefix

_process = secrets.token_hex(4).encode()
_serial = count()
#: Quotes within a name or a genre are escaped, so neither is found in one.
_EXPERIMENT = b'"experiment_id":'
_LABELS = re.compile(rb'"experiment_id":"[^"]*","variant":"[^"]*"')
_FRESH, _STALE = b',"stale":false', b',"stale":true'
_AFTER_NAME = b',"recommendation_id":'


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def opening(found: FoundList, user_id: str, at_ms: int, stored_id: str = "", treatment: Treatment = UNTREATED) -> bytes:
    """`{…header…,"variant":…,"stale":…`, the list's own header, to which members are appended.

    A shared header has no user and no recommendation id; both are put in front, the id new for every answer so that a
    later click can be tied to this one. A list that was made under variants of the user names them; of somebody without
    such a list the `treatment` does. The user is named as the request did, which need not be the `stored_id` under
    which the list was found and which its header is then known to name.
    """
    value, prefix, version = found
    head = value[PREFIX_BYTES : PREFIX_BYTES + prefix.header_bytes - 1]
    if stored_id == user_id:
        pass
    elif value.startswith(b'{"user_id":', PREFIX_BYTES):
        head = renamed(head, user_id)
    else:
        name = orjson.dumps(user_id)
        head = b'{"user_id":%b,"recommendation_id":"%b",%b' % (name, new_recommendation_id(), head[1:])
    is_stale = at_ms > prefix.expires_at_ms
    if _EXPERIMENT in head:
        return head + (_STALE if is_stale else _FRESH)
    if treatment is not UNTREATED:
        return b"%b,%b%b" % (head, labels_of(*treatment.names), _STALE if is_stale else _FRESH)
    return head + (version.tail_stale if is_stale else version.tail_fresh)


def labels_of(experiment_id: str, variant: str) -> bytes:
    """The variants of a user as members of an answer, as lists have them."""
    return b'"experiment_id":%b,"variant":%b' % (orjson.dumps(experiment_id), orjson.dumps(variant))


def labels_in(found: FoundList) -> bytes:
    """What a list that is answered without its header says of the version and the variants it was made under."""
    value, prefix, version = found
    own = _LABELS.search(value, PREFIX_BYTES, PREFIX_BYTES + prefix.header_bytes)
    return version.labels if own is None else b'"model_version":%b,%b' % (orjson.dumps(version.keys.version), own[0])


def labels_by_version(version: Version, treatment: Treatment) -> bytes:
    """What an answer out of lists that are nobody's own says of the version, and of the variant that it serves."""
    if treatment is UNTREATED:
        return version.labels
    return b'"model_version":%b,%b' % (orjson.dumps(version.keys.version), labels_of(*treatment.names))


def head_of(
    user_id: str, recommendation_id: bytes, source: bytes, labels: bytes, prefix: Prefix | None = None
) -> bytes:
    """The same for an answer that has no header of a list in it: what is told of it to those who count and publish.
    `prefix` is that of the reader's own list."""
    as_of = b"null" if prefix is None else b'{"partition":%d,"offset":%d}' % (prefix.partition, prefix.offset)
    return b'{"user_id":%b,"recommendation_id":"%b","source":"%b",%b,"as_of":%b' % (
        orjson.dumps(user_id),
        recommendation_id,
        source,
        labels,
        as_of,
    )


def renamed(head: bytes, user_id: str) -> bytes:
    """The header of an answer or of somebody's list for another name of the user."""
    # Quotes within a name are escaped, so the first match is the member.
    return b'{"user_id":%b%b' % (orjson.dumps(user_id), head[head.index(_AFTER_NAME) :])


def source_of(head: bytes) -> str:
    """What a shared list says of itself: "segment" or "popular"."""
    return "segment" if b'"source":"segment"' in head else "popular"


def new_recommendation_id() -> bytes:
    """An id for an answer that came from a shared list; unique among processes and answers."""
    return b"shared.%b.%x" % (_process, next(_serial))


def etag_of(found: FoundList, shape: bytes) -> bytes:
    """Weak: two answers with one tag mean the same, though a shared one carries a new recommendation id each time.

    Made of what the list reflects, which write it was and when it was made, of the cards of its items, and of
    everything that shapes the cut.
    """
    return b'W/"%b%b%b"' % (hexlify(found.value[WHICH_ONE]), found.version.etag_middle, shape)


def etag_of_shown(found: FoundList, shape: bytes, items: bytes) -> bytes:
    """The same where some of the list may be left out: then time alone can make it another answer, whose `items` are
    others."""
    return etag_of(found, b"%b.%x" % (shape, crc32(items)))
