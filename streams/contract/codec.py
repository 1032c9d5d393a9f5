"""JSON for the topics whose values we write ourselves: compact UTF-8, field order as given.

Records of other producers go through `streams.contract.events` and `streams.contract.catalog` instead, which check
types and ranges.
"""

from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """The value as compact JSON. Raises `TypeError` for what JSON cannot hold (NaN becomes null).

    >>> dumps({"item_id": "m-1", "score": 0.5})
    b'{"item_id":"m-1","score":0.5}'
    """
    return orjson.dumps(value)


def loads(value: bytes) -> Any:
    """The JSON value. Raises `ValueError` when the bytes are not one JSON text.

    >>> loads(b'{"item_id":"m-1"}')
    {'item_id': 'm-1'}
    """
    return orjson.loads(value)
