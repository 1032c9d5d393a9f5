"""Clients of Kafka cancel what waits for them when they lose a broker. That must end a process, so that it is started
again: a loop of it that ended alone would leave a member of the group that owns partitions and never folds them."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.tables.recovery import RebalanceAgain

from agents.delivery import table_manager
from agents.delivery.table_manager import TransactionalRecovery
from agents.followers import follower
from agents.followers.follower import Follower


class Ended(Exception):
    """The process ended."""


@pytest.fixture(autouse=True)
def _die(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(what: str, error: BaseException, code: int = 70) -> None:
        raise Ended(what, code) from error

    for module in (table_manager, follower):
        monkeypatch.setattr(module, "die", die)


async def cancelled_by_a_client(*_: object) -> None:
    raise asyncio.CancelledError


async def waits_for_ever(*_: object) -> None:
    await asyncio.Event().wait()


def recovery(take_over: Any) -> TransactionalRecovery:
    app: Any = SimpleNamespace(consumer=SimpleNamespace(assignment=set), conf=SimpleNamespace(stream_recovery_delay=0))
    made = TransactionalRecovery(app, SimpleNamespace())  # type: ignore[arg-type]
    made.ownership = SimpleNamespace(take_over=take_over)  # type: ignore[assignment]
    return made


async def test_a_cancelled_call_of_a_client_ends_the_worker_that_restores() -> None:
    with pytest.raises(Ended, match="cannot take over the assigned partitions"):
        await recovery(cancelled_by_a_client)._resume_streams(1)


async def test_a_recovery_that_is_stopped_ends_by_itself() -> None:
    restoring = asyncio.create_task(recovery(waits_for_ever)._resume_streams(1))
    await asyncio.sleep(0)
    restoring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await restoring


async def test_another_rebalance_begins_the_recovery_anew() -> None:
    made = recovery(waits_for_ever)
    made.signal_recovery_start.set()
    with pytest.raises(RebalanceAgain):
        await made._resume_streams(1)


async def test_a_cancelled_call_of_a_client_ends_the_worker_that_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "poll", cancelled_by_a_client)
    with pytest.raises(Ended, match="the follower stopped"):
        await Follower._follow(SimpleNamespace(_apply=None, _damaged=None), None)  # type: ignore[arg-type]
