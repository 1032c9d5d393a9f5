"""Which users a file names, small enough to be read without the file: a hash of 64 bits each, in the file's footer.

It says "not here" for sure, and "maybe here" for the rest: then the file is read. A checksum of its own makes a damaged
index no index.
"""

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Collection, Iterable, Mapping

#: In the key-value metadata of a Parquet file.
KEY = b"freshet.users"
_HASH_BYTES = 8
_CHECK_BYTES = 16


def hash_of(user_id: str) -> bytes:
    """Of one user."""
    return hashlib.blake2b(user_id.encode(), digest_size=_HASH_BYTES).digest()


def encoded(hashes: Iterable[bytes]) -> Mapping[bytes, bytes]:
    """The metadata of a file that names the users with these hashes."""
    packed = b"".join(sorted(set(hashes)))
    return {KEY: b64encode(_check(packed) + packed)}


def may_name(metadata: Mapping[bytes, bytes], users: Collection[str]) -> bool:
    """Whether the file with this metadata may name one of `users`; True when it has no index, or a damaged one.

    >>> metadata = encoded([hash_of("u1"), hash_of("u2")])
    >>> may_name(metadata, ["u1", "u3"]), may_name(metadata, ["u3"]), may_name({}, ["u3"])
    (True, False, True)
    """
    try:
        data = b64decode(metadata.get(KEY, b""), validate=True)
    except NotBase64:
        return True
    check, packed = data[:_CHECK_BYTES], data[_CHECK_BYTES:]
    if check != _check(packed):
        return True
    named = {packed[start : start + _HASH_BYTES] for start in range(0, len(packed), _HASH_BYTES)}
    return any(hash_of(user) in named for user in users)


def _check(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=_CHECK_BYTES).digest()
