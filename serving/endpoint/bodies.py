"""Puts answers together from bytes that are already JSON."""

from __future__ import annotations

import secrets
import time
from binascii import hexlify
from itertools import count

import orjson

from serving.endpoint.supply import FoundList
from serving.list_format import PREFIX_BYTES, WHICH_ONE

_process = secrets.token_hex(4).encode()
_serial = count()
_AFTER_NAME = b',"recommendation_id":'


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def opening(found: FoundList, user_id: str, at_ms: int, stored_id: str = "") -> bytes:
    """`{…header…,"variant":…,"stale":…`, the list's own header, to which members are appended.

    A shared header has no user and no recommendation id; both are put in front, the id new for every answer so that a
    later click can be tied to this one. The user is named as the request did, which need not be the `stored_id` under
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
    return head + (version.tail_stale if at_ms > prefix.expires_at_ms else version.tail_fresh)


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

    Made of what the list reflects, which write it was and when it was made, and of everything that shapes the cut.
    """
    return b'W/"%b%b%b"' % (hexlify(found.value[WHICH_ONE]), found.version.etag_middle, shape)
