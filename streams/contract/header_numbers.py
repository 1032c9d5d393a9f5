"""Numbers in record headers and keys: anybody may write there, so they are read within bounds or not at all."""

from typing import Final

#: Offsets, positions and times: what Kafka itself keeps them in.
LARGEST: Final = 2**63 - 1


def whole_number(text: bytes | None, largest: int = LARGEST) -> int | None:
    """The number from 0 to `largest` that `text` writes in ASCII digits; None when it is anything else.

    >>> whole_number(b"1700000000000"), whole_number(b"0041")
    (1700000000000, 41)
    >>> [whole_number(text) for text in (None, b"", b"-5", b"+5", b" 5", b"5_0", b"9" * 5_000, "\u0665".encode())]
    [None, None, None, None, None, None, None, None]
    """
    if not text or len(text) > _DIGITS or not text.isdigit():  # of bytes only ASCII digits are digits
        return None
    number = int(text)
    return number if number <= largest else None


_DIGITS: Final = 2 * len(str(LARGEST))  # so that a few leading zeros are no mistake, and no text is long
