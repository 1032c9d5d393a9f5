"""Redis as the list writer sees it: an append-only history of writes, so that any older state can come back.

`forward_only` and the methods of `RedisServer` are the scripts of `serving` in Python;
tests/serving/test_forward_only_model.py holds the two together.

What is simplified: a failover breaks every connection, so a keeper's next request after it fails. A client that
reconnects unnoticed between the lists of a batch and its marker is not simulated.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, OutOfMemoryError

from serving.list_format import MAGIC, PREFIX_BYTES, UnreadableList, read_prefix
from serving.redis_writer import (
    ADVANCE_WRITTEN_POSITION,
    AUDIENCE_SCRIPT,
    LIST_NOT_THE_WRITERS,
    NOT_THE_WRITER,
    REMOVE_SCRIPT,
    SWAP,
    Told,
)
from serving.write_order import WrittenPosition
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
    return (new.offset, new.term, new.sequence) >= (old.offset, old.term, old.sequence)


def _never() -> bool:
    return False


class RedisServer:
    """One server; `on_list` and `on_marker` see every write that was carried out."""

    def __init__(self, on_list: OnList, on_marker: OnMarker) -> None:
        self.data: dict[str, bytes] = {}
        self.away = False
        self.refuses = _never  # whether it is full now: what it holds can be read, a script that writes is refused
        self.incarnation = 0
        self.scripts_known = False
        self.checks_floor = True
        self.floor: dict[str, int] = {}  # key -> offset below which its list must not fall
        self._journal: list[tuple[str, bytes | None]] = []  # None: removed
        self._on_list = on_list
        self._on_written_position = on_marker

    def _set(self, key: str, value: bytes) -> None:
        self.data[key] = value
        self._journal.append((key, value))

    def write_list(self, key: str, value: bytes, ttl_s: int, holder: str, name: bytes) -> int:
        """The script of the list writer."""
        assert ttl_s > 0
        if self.data.get(holder) != name:
            return LIST_NOT_THE_WRITERS
        stored = self.data.get(key)
        if stored is not None and not forward_only(stored, value):
            return -1 - read_prefix(stored).term
        self._on_list(key, value)
        offset = read_prefix(value).offset
        if self.checks_floor:
            assert offset >= self.floor.get(key, -1), f"the list {key} went back to offset {offset}"
        self.floor[key] = offset
        self._set(key, value)
        return 1

    def swap(self, key: str, known: bytes, after: bytes) -> int:
        """The script that notes who writes."""
        if self.data.get(key, b"") != known:
            return 0
        self._set(key, after)
        return 1

    def change_audience(self, keys: Sequence[str], offset: bytes, value: bytes, name: bytes) -> int:
        """The script that writes what a user may see; here every change of the record is one of the limits, and it
        begins with what the list was that lay beside it."""
        list_key, key, holder = keys
        if self.data.get(holder) != name:
            return NOT_THE_WRITER
        listed, stored = self.data.get(list_key, b""), self.data.get(key)
        if listed and read_prefix(listed).offset > int(offset):
            return Told.LEFT_ALONE
        if stored is None or stored.partition(b"\n")[2] != value:
            self._set(key, listed[:PREFIX_BYTES].hex().encode() + b"\n" + value)
        elif stored.partition(b"\n")[0] != listed[:PREFIX_BYTES].hex().encode():
            return 0
        return int(bool(listed))

    def advance_written_position(
        self, keys: Sequence[str], known: bytes, after: bytes, erasures: bytes, name: bytes
    ) -> int:
        """The script that moves a partition's marker."""
        written_position, erased, holder = keys
        if self.data.get(holder) != name:
            return NOT_THE_WRITER
        if self.data.get(written_position, b"") != known:
            return 0
        self._set(written_position, after)
        self._set(erased, erasures)
        self._on_written_position(written_position, WrittenPosition.decode(after).position)
        return 1

    def remove_user(self, keys: Sequence[str], offset: bytes, name: bytes) -> int:
        """The script that removes a user's keys."""
        *theirs, holder = keys
        if self.data.get(holder) != name:
            return NOT_THE_WRITER
        found = [key for key in theirs if key in self.data]
        lists = [self.data[key] for key in found if self.data[key][0] == MAGIC]
        if offset and any(read_prefix(value).offset > int(offset) for value in lists):
            return 0
        for key in found:
            del self.data[key]
            self._journal.append((key, None))
            self.floor.pop(key, None)  # what is not there cannot go back
        return len(found)

    def written(self, write: Callable[[], int]) -> int:
        """What a script that writes answers. Raises OutOfMemoryError while the server is full, which may change between
        two of a pipeline: others free memory at any time."""
        if self.refuses():
            raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
        return write()

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

    async def mget(self, *keys: str) -> list[bytes | None]:
        found: list[bytes | None] = await self._call(lambda: [self._server.data.get(key) for key in keys])
        return found

    async def exists(self, *keys: str) -> int:
        found: int = await self._call(lambda: sum(key in self._server.data for key in keys))
        return found

    async def eval(self, script: str, count: int, *keys_and_values: Any) -> int:
        keys, values = keys_and_values[:count], keys_and_values[count:]
        server = self._server
        serve: dict[str, Callable[[], int]] = {
            SWAP: lambda: server.swap(*keys, *values),
            ADVANCE_WRITTEN_POSITION: lambda: server.advance_written_position(keys, *values),
            REMOVE_SCRIPT: lambda: server.remove_user(keys, *values),
        }
        answer: int = await self._call(lambda: server.written(serve[script]))
        return answer


class _Pipeline:
    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._commands: list[tuple[str, bytes, int, str, bytes]] = []
        self._asked: list[tuple[str, ...]] = []  # keys, each time
        self._told: list[tuple[Sequence[str], bytes, bytes, bytes]] = []

    def execute_command(
        self, name: str, sha: str, keys: int, key: str, holder: str, value: bytes, ttl_s: int, who: bytes
    ) -> None:
        assert (name, sha, keys) == ("EVALSHA", "sha", 2)
        self._commands.append((key, value, ttl_s, holder, who))

    def exists(self, *keys: str) -> None:
        self._asked.append(keys)

    def eval(self, script: str, count: int, *keys_and_values: Any) -> None:
        assert script == AUDIENCE_SCRIPT
        offset, value, ttl_s, name = keys_and_values[count:]
        assert ttl_s > 0
        self._told.append((keys_and_values[:count], offset, value, name))

    def _reply_of(self, write: Callable[[], int]) -> Any:
        """What a pipeline gives that raises nothing: some of its writes may be refused, and others not."""
        try:
            return self._client._server.written(write)
        except OutOfMemoryError as refused:
            return refused

    async def execute(self, *, raise_on_error: bool = True) -> list[Any]:
        assert raise_on_error == bool(self._asked or self._told)

        def run() -> list[Any]:
            server = self._client._server
            if self._asked:
                return [sum(key in server.data for key in keys) for keys in self._asked]
            if self._told:
                return [server.written(partial(server.change_audience, *told)) for told in self._told]
            if not server.scripts_known:
                return [NoScriptError("NOSCRIPT")] * len(self._commands)
            return [self._reply_of(partial(server.write_list, *command)) for command in self._commands]

        replies: list[Any] = await self._client._call(run)
        return replies
