"""Redis as the list writer sees it: an append-only history of writes, so that any older state can come back.

`forward_only` is serving/forward_only.lua in Python; tests/laws/test_forward_only_model.py holds the two together.

What is simplified: a failover breaks every connection, so a keeper's next request after it fails. A client that
reconnects unnoticed between the lists of a batch and its marker is not simulated.
"""

from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from serving.list_format import UnreadableList, read_prefix
from serving.redis_writer import MOVE_MARKER, REMOVE_UP_TO
from simulation.world import current_process

OnList = Callable[[str, bytes], None]
OnMarker = Callable[[str, int], None]


def forward_only(stored: bytes | None, value: bytes) -> bool:
    """Whether a list may replace the stored one."""
    if stored is None:
        return True
    try:
        old, new = read_prefix(stored), read_prefix(value)
    except UnreadableList:
        return True
    if old.partition != new.partition:
        return True
    return (new.offset, new.generated_at_ms) >= (old.offset, old.generated_at_ms)


class RedisServer:
    """One server; `on_list` and `on_marker` see every write that was carried out."""

    def __init__(self, on_list: OnList, on_marker: OnMarker) -> None:
        self.data: dict[str, bytes] = {}
        self.away = False
        self.incarnation = 0
        self.scripts_known = False
        self.floor: dict[str, int] = {}  # key -> offset below which its list must not fall
        self._journal: list[tuple[str, bytes | None]] = []  # None: removed
        self._on_list = on_list
        self._on_marker = on_marker

    def _set(self, key: str, value: bytes) -> None:
        self.data[key] = value
        self._journal.append((key, value))

    def write_list(self, key: str, value: bytes, ttl_s: int) -> int:
        """The script of the list writer."""
        assert ttl_s > 0
        if not forward_only(self.data.get(key), value):
            return 0
        self._on_list(key, value)
        offset = read_prefix(value).offset
        assert offset >= self.floor.get(key, -1), f"the list {key} went back to offset {offset}"
        self.floor[key] = offset
        self._set(key, value)
        return 1

    def move_marker(self, key: str, known: bytes, after: bytes) -> int:
        """The script that moves a partition's marker."""
        if self.data.get(key, b"") != known:
            return 0
        self._set(key, after)
        self._on_marker(key, int(after))
        return 1

    def remove_up_to(self, keys: Sequence[str], offset: int) -> int:
        """The script that removes a user's keys."""
        stored = self.data.get(keys[0])
        if stored is not None and read_prefix(stored).offset > offset:
            return 0
        removed = [key for key in keys if self.data.pop(key, None) is not None]
        for key in removed:
            self._journal.append((key, None))
            self.floor.pop(key, None)  # what is not there cannot go back
        return len(removed)

    def fall_back(self, writes: int) -> None:
        """A failover to a replica that has only the first `writes` of all writes; 0 is a wipe."""
        del self._journal[writes:]
        self.data = {key: value for key, value in dict(self._journal).items() if value is not None}
        self.floor.clear()
        self.scripts_known = False
        self.incarnation += 1

    @property
    def writes(self) -> int:
        """How many writes there were since the last wipe."""
        return len(self._journal)


class RedisClient:
    """`redis.asyncio.Redis`, as far as the list writer uses it while lists are kept."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._process = current_process()
        self._incarnation = server.incarnation

    async def _call(self, serve: Callable[[], Any]) -> Any:
        def answer() -> Any:
            server = self._server
            if server.away or self._incarnation != server.incarnation:
                self._incarnation = server.incarnation
                raise RedisConnectionError("away")
            return serve()

        return await self._process.call(id(self), answer)

    async def script_load(self, script: str) -> str:
        assert script

        def load() -> str:
            self._server.scripts_known = True
            return "sha"

        loaded: str = await self._call(load)
        return loaded

    def pipeline(self, *, transaction: bool) -> "_Pipeline":
        assert not transaction
        return _Pipeline(self)

    async def get(self, key: str) -> bytes | None:
        found: bytes | None = await self._call(lambda: self._server.data.get(key))
        return found

    async def eval(self, script: str, count: int, *keys_and_arguments: Any) -> int:
        keys, arguments = keys_and_arguments[:count], keys_and_arguments[count:]
        serve = {MOVE_MARKER: self._server.move_marker, REMOVE_UP_TO: self._remove_up_to}[script]
        answer: int = await self._call(lambda: serve(*keys, *arguments))  # type: ignore[operator]
        return answer

    def _remove_up_to(self, *keys_and_offset: Any) -> int:
        *keys, offset = keys_and_offset
        return self._server.remove_up_to(keys, int(offset))


class _Pipeline:
    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._commands: list[tuple[str, bytes, int]] = []

    def execute_command(self, name: str, sha: str, keys: int, key: str, value: bytes, ttl_s: int) -> None:
        assert (name, sha, keys) == ("EVALSHA", "sha", 1)
        self._commands.append((key, value, ttl_s))

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error

        def run() -> list[Any]:
            server = self._client._server
            if not server.scripts_known:
                return [NoScriptError("NOSCRIPT")] * len(self._commands)
            return [server.write_list(*command) for command in self._commands]

        replies: list[Any] = await self._client._call(run)
        return replies
