"""Titles as MovieLens writes them: `Usual Suspects, The (1995)`."""

import re
from typing import Final

_YEAR: Final = re.compile(r"\s*\((\d{4})\)\s*(\(V\))?\s*$")
_ARTICLE: Final = re.compile(r"^(.*), (The|A|An|La|Le|Les|Il|Das|Der|Die|El)$")


def readable_title(raw: str) -> str:
    """The title without its year, its article in front.

    >>> readable_title("Usual Suspects, The (1995)")
    'The Usual Suspects'
    """
    title = _YEAR.sub("", raw)
    inverted = _ARTICLE.match(title)
    return f"{inverted.group(2)} {inverted.group(1)}" if inverted else title


def year_of(raw: str) -> int | None:
    """The year in the title.

    >>> year_of("Usual Suspects, The (1995)")
    1995
    """
    year = _YEAR.search(raw)
    return int(year.group(1)) if year else None
