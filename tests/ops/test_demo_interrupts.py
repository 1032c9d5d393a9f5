"""Ctrl-C during the demo: raised where it may be, remembered where it may not."""

import asyncio
import signal

import pytest

from ops.processes.interrupts import SIGNALS, Interrupted, Interrupts


@pytest.mark.parametrize("number", SIGNALS)
def test_plain_code_that_may_be_interrupted_is(number: signal.Signals) -> None:
    with Interrupts() as interrupts, pytest.raises(Interrupted, match=number.name), interrupts.allowed():
        signal.raise_signal(number)


def test_elsewhere_a_signal_waits_for_the_next_place_that_allows_it() -> None:
    reached = []
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        reached.append("undone in peace")
        with pytest.raises(Interrupted), interrupts.allowed():
            reached.append("never")
    assert reached == ["undone in peace"]


def test_an_event_loop_is_cancelled_and_cleans_up() -> None:
    cleaned = []

    async def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            signal.raise_signal(signal.SIGTERM)  # a second Ctrl-C does not break the clean-up
            await asyncio.sleep(0)
            cleaned.append(True)

    with Interrupts() as interrupts, pytest.raises(Interrupted, match="SIGTERM"):
        interrupts.run(work())
    assert cleaned == [True]


def test_work_is_not_begun_after_a_signal() -> None:
    begun = []

    async def work() -> None:
        await asyncio.sleep(0)
        begun.append(True)

    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            interrupts.run(work())
    assert begun == []


def test_only_the_first_signal_raises() -> None:
    with Interrupts() as interrupts:
        with pytest.raises(Interrupted), interrupts.allowed():
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


def test_the_former_handlers_are_back_afterwards() -> None:
    former = [signal.getsignal(number) for number in SIGNALS]
    with Interrupts() as interrupts:
        assert interrupts.run(asyncio.sleep(0, "result")) == "result"
        assert [signal.getsignal(number) for number in SIGNALS] != former
    assert [signal.getsignal(number) for number in SIGNALS] == former
