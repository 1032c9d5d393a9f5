"""Keys of the user plane's rows: one kind byte, for segments a 4-byte big-endian number, then the user id."""

USER = b"r"
DEDUPE = b"d"
SEEN = b"s"
PARTITION = b"p"


def user_key(user_id: str) -> bytes:
    """Key of a user's core row."""
    return USER + user_id.encode()


def segment_key(kind: bytes, number: int, user_id: str) -> bytes:
    """Key of one full segment of a user's log; `kind` is DEDUPE or SEEN."""
    return kind + number.to_bytes(4, "big") + user_id.encode()


def user_of(key: bytes | None) -> bytes | None:
    """The user id in a key; None when it has none."""
    kind = (key or b"")[:1]
    if key is None or kind not in (USER, DEDUPE, SEEN):
        return None
    return key[1:] if kind == USER else key[5:]
