"""Connections that ask about a group: whatever was opened before one failed is closed again."""

import pytest

from ops import group_progress
from ops.group_progress import GroupProgress


class Connection:
    """Stands in for a client; `fails` at its start."""

    open = 0
    fails = False

    def __init__(self, *_: object, **__: object) -> None: ...

    async def start(self) -> None:
        type(self).open += 1
        if self.fails:
            raise ConnectionError("nobody there")

    async def stop(self) -> None:
        type(self).open -= 1

    close = stop


class Admin(Connection): ...


class Ends(Connection):
    fails = True


@pytest.mark.parametrize("fails", [True, False])
async def test_nothing_stays_open_when_a_later_connection_fails(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    class Reader:
        async def __aenter__(self) -> "Reader":
            return self

        async def __aexit__(self, *_: object) -> None: ...

    Admin.open = Ends.open = 0
    monkeypatch.setattr(group_progress.clients, "admin", Admin)
    monkeypatch.setattr(group_progress.clients, "consumer", Ends)
    monkeypatch.setattr(group_progress, "bulk_consumer", lambda _: Reader())
    monkeypatch.setattr(Ends, "fails", fails)
    if fails:
        with pytest.raises(ConnectionError):
            await GroupProgress("nowhere:1", "group").__aenter__()
    else:
        async with GroupProgress("nowhere:1", "group"):
            assert (Admin.open, Ends.open) == (1, 1)
    assert (Admin.open, Ends.open) == (0, 0)
