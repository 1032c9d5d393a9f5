"""What an id may be, for whoever writes one (producers) and whoever reads one (the endpoint): one rule.

An id that is folded must be readable at every address afterwards. Hence no control characters, which no address of the
endpoint takes, and neither "." nor "..", which HTTP clients resolve away before they send a path. The endpoint makes
its limits on addresses from `MAX_ID_LENGTH`.
"""

import re
from typing import Final

MAX_ID_LENGTH: Final = 128
#: C0, DEL and C1, as every dialect of regular expressions reads it.
CONTROL_PATTERN: Final = r"[\x00-\x1f\x7f-\x9f]"
DOTS: Final = (".", "..")

_CONTROL: Final = re.compile(CONTROL_PATTERN)


def control_in(text: str) -> str | None:
    r"""The first control character as U+XXXX, None when there is none.

    >>> control_in("u17\n"), control_in("u 17 ü 日本")
    ('U+000A', None)
    """
    found = _CONTROL.search(text)
    return f"U+{ord(found[0]):04X}" if found else None


def problem_of(text: str) -> str | None:
    r"""Why a text cannot be an id, None when it can.

    >>> problem_of("a\tb"), problem_of("..")
    ('holds the control character U+0009', "is '..', which no address can hold")
    >>> problem_of("x" * 129), problem_of("日本")
    ('has 129 characters, 1-128 are allowed', None)
    """
    if not 1 <= len(text) <= MAX_ID_LENGTH:
        return f"has {len(text)} characters, 1-{MAX_ID_LENGTH} are allowed"
    if control := control_in(text):
        return f"holds the control character {control}"
    return f"is {text!r}, which no address can hold" if text in DOTS else None


def may_hold_problem(value: bytes) -> bool:
    r"""Whether an id in this valid JSON could have a problem of its characters; most records are told apart by this.

    >>> may_hold_problem(b'{"user_id": "u17"}'), may_hold_problem(b'{"user_id": "u17\\n"}')
    (False, True)
    """
    # An escape, DEL, or a byte of no ASCII character: without them JSON holds no control character.
    return not value.isascii() or b"\\" in value or b"\x7f" in value or b'."' in value
