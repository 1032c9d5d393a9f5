"""The pointer in Redis follows the registry, and is not taken back by one that knows less."""

import pytest

from agents.versions import live_pointer
from agents.versions.live_pointer import AHEAD_ROUNDS, LivePointerKeeper
from serving.keys import Keys
from serving.live_pointer import LivePointer
from serving.registry import Switch


class Writer:
    """Redis holds a pointer."""

    def __init__(self, stored: LivePointer) -> None:
        self.stored = stored

    async def read(self, _key: str) -> bytes:
        return self.stored.encode()

    async def switch_live(self, pointer: LivePointer) -> bool:
        self.stored = pointer
        return True


async def test_a_registry_that_knows_less_than_the_pointer_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(live_pointer.logger, "critical", lambda text, *values: said.append(text % values))
    writer = Writer(LivePointer({"v2": 100}, sequence=7))
    current = Switch(1, "first", {"v3": 100}, "a worker", 0)
    keeper = LivePointerKeeper(writer, Keys("", "v3"), lambda: current)  # type: ignore[arg-type]
    for _ in range(AHEAD_ROUNDS - 1):
        assert not await keeper.restore()
    assert not said  # a worker that reads the registry late says nothing
    for _ in range(AHEAD_ROUNDS):
        assert not await keeper.restore()
    (line,) = said
    assert "the live pointer in Redis is of switch 7, but the registry ends with 1" in line
    assert "freshet promote" in line
    current = Switch(8, "promote", {"v3": 100}, "somebody", 0)
    assert await keeper.restore()
    assert writer.stored.weights == {"v3": 100}
