"""The least that granian can do: one fixed answer, read from the file that STATIC_BODY names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_BODY = Path(os.environ["STATIC_BODY"]).read_bytes()
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))],
}
_REST = {"type": "http.response.body", "body": _BODY}


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    """ASGI without lifespan."""
    await send(_START)
    await send(_REST)
