"""Time zones by name."""

from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=1024)
def zone_of(name: str | None) -> ZoneInfo | None:
    """The time zone of an IANA name; None when no name is given and where there is no such zone.

    >>> zone_of("Europe/Amsterdam"), zone_of("Middle-earth/Shire"), zone_of(None)
    (zoneinfo.ZoneInfo(key='Europe/Amsterdam'), None, None)
    """
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, OSError, ValueError):  # not found, a folder, no name for a file
        return None
