"""Kafka's addresses as people write them: read where there is one meaning, else refused with the reason."""

import re
from typing import Final

_HOST_PORT: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]+):(?P<port>[0-9]{1,7})")
_MAX_PORT: Final = 65_535


def read_bootstrap(text: str) -> str:
    """`host:port` with commas between and nothing else. Raises ValueError, which names the address that is wrong.

    >>> read_bootstrap("PLAINTEXT://kafka-1:9092, [::1]:9092")
    'kafka-1:9092,[::1]:9092'
    """
    return ",".join(map(_read_address, text.split(",")))


def _read_address(written: str) -> str:
    scheme, separator, address = written.strip().rpartition("://")
    if separator and scheme.upper() != "PLAINTEXT":
        raise ValueError(f"{scheme}:// does not belong here: set FRESHET_KAFKA_SECURITY_PROTOCOL")
    found = _HOST_PORT.fullmatch(address)
    if found is None:
        wants_brackets = address.count(":") > 1 and not address.startswith("[")
        hint = ", an IPv6 address needs brackets: [::1]:9092" if wants_brackets else ""
        raise ValueError(f"{address!r} is no host:port{hint}")
    if not 1 <= int(found["port"]) <= _MAX_PORT:
        raise ValueError(f"{address!r} has a port that is not 1 to {_MAX_PORT}")
    return address
