"""Tests wait for progress: a busy machine has more time, a hang ends all the same."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import pytest
from harness import patience
from harness.patience import Patience, within
from harness.polling import eventually


def seconds() -> Iterator[float]:
    return map(float, count())


@pytest.mark.parametrize(("load", "looks"), [(0.3, 10), (2.0, 10), (13.0, 65)])
def test_a_second_counts_by_what_the_machine_has_for_one_more(load: float, looks: int) -> None:
    made = Patience(10, clock=seconds().__next__, load=lambda: load, processors=2)
    assert not any(made.is_over for _ in range(looks))
    assert made.is_over


async def test_waits_as_long_as_something_moves() -> None:
    asked, moved = count(), count()

    async def fourth_time() -> bool:
        return next(asked) == 4

    async def moves() -> int:
        return next(moved)

    assert await eventually("it is there", fourth_time, timeout_s=0, progress=moves)


async def test_ends_when_nothing_moves() -> None:
    async def never() -> str:
        return ""

    with pytest.raises(AssertionError, match=r"still not: it is there \(last answer: ''\)"):
        await eventually("it is there", never, timeout_s=0)


async def test_what_is_done_is_given_and_what_hangs_is_cancelled() -> None:
    async def one() -> int:
        return 1

    assert await within(10, one()) == 1
    hanging = asyncio.Event()
    with pytest.raises(TimeoutError):
        await within(0, hanging.wait())


def test_a_command_that_hangs_is_killed_and_what_it_was_told_arrives() -> None:
    told = patience.run([sys.executable, "-c", "print(input())"], limit_s=60, stdin="hello\n", check=True)
    assert told.stdout == "hello\n"
    with pytest.raises(subprocess.TimeoutExpired):
        patience.run([sys.executable, "-c", "import time; time.sleep(3600)"], limit_s=0)
