"""Reads the endpoint as a frontend would."""

import asyncio
import http.client
from urllib.parse import urlencode

import msgspec

from ops.processes.waiting import until

READY_TIMEOUT_S = 60.0
_REQUEST_TIMEOUT_S = 2.0


class EndpointAway(Exception):
    """The endpoint did not answer, or not with 200."""


class ListedItem(msgspec.Struct, frozen=True):
    """One recommendation; `score` in [0, 1]."""

    item_id: str
    title: str
    score: float
    reason: str


class UserList(msgspec.Struct, frozen=True):
    """What a user is shown; `source` is personal, segment or popular."""

    source: str
    recommendations: list[ListedItem]


class EndpointClient:
    """One request at a time is enough here, so each has a connection of its own, in a thread."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def wait_until_ready(self) -> None:
        """Returns when the endpoint says that it may be sent readers. Raises `ProcessFailed` on time-out."""
        complaint = f"the endpoint at {self._host}:{self._port} was not ready"
        await until(lambda: self._answers("/readyz"), READY_TIMEOUT_S, lambda: complaint)

    async def user_list(self, user_id: str, limit: int) -> UserList:
        """The first `limit` items of the user's list. Raises `EndpointAway`."""
        query = urlencode({"user_id": user_id, "limit": limit})
        return msgspec.json.decode(await self._get(f"/api/v1/recommendations?{query}"), type=UserList)

    async def _answers(self, path: str) -> bool:
        try:
            await self._get(path)
        except EndpointAway:
            return False
        return True

    async def _get(self, path: str) -> bytes:
        return await asyncio.to_thread(self._get_now, path)

    def _get_now(self, path: str) -> bytes:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_REQUEST_TIMEOUT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as failure:
            raise EndpointAway(str(failure)) from failure
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise EndpointAway(f"status {response.status}")
        return body
