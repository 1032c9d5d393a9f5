"""The least that granian can do: one fixed answer, read from the files STATIC_BODY and STATIC_HEADERS (JSON pairs)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_BODY = Path(os.environ["STATIC_BODY"]).read_bytes()
_HEADERS = json.loads(Path(os.environ["STATIC_HEADERS"]).read_bytes())
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(name.encode(), value.encode()) for name, value in _HEADERS],
}
_REST = {"type": "http.response.body", "body": _BODY}


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    """ASGI without lifespan."""
    await send(_START)
    await send(_REST)
