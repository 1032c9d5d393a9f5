"""The last exit works when nothing else does."""

import re
import subprocess
import sys
from pathlib import Path

from agents.delivery.process_exit import EXIT_UNEXPECTED

DIE = "from agents.delivery.process_exit import die; die('the fold', ValueError('unexpected'))"
END_WITHIN = """
import asyncio
from agents.delivery.process_exit import end_within

async def connect():
    await asyncio.Event().wait()

async def close():
    await connect()

async def main(seconds, ends):
    end_within(seconds, "shutdown", asyncio.get_running_loop())
    if not ends:
        await close()
    print("done")
"""
GO_ON = "; print('still here')"


def test_it_says_why_and_ends() -> None:
    done = subprocess.run([sys.executable, "-c", DIE + GO_ON], capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_UNEXPECTED
    assert "the fold: unexpected" in done.stderr
    assert "ValueError" in done.stderr
    assert not done.stdout


def test_it_ends_with_its_code_though_the_disk_under_its_log_is_full() -> None:
    with Path("/dev/full").open("w") as full:
        swallowed = f"try: {DIE}\nexcept Exception: pass\nimport os; os._exit(0)"
        code = subprocess.run([sys.executable, "-c", swallowed], stdout=full, stderr=full, check=False).returncode
    assert code == EXIT_UNEXPECTED


def test_an_orderly_end_that_never_comes_is_bounded() -> None:
    command = [sys.executable, "-c", END_WITHIN + "asyncio.run(main(0.1, False))"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_UNEXPECTED
    assert "shutdown: not done after 0.1 s" in done.stderr
    assert re.search(r"main:\d+ > close:\d+ > connect:\d+", done.stderr), "and what it waits for"


def test_the_end_comes_though_the_tasks_cannot_be_looked_at() -> None:
    broken = """
import threading
from agents.delivery.process_exit import end_within

class Coroutine:
    def get_coro(self):
        raise RuntimeError("changed during iteration")

import asyncio
asyncio.all_tasks = lambda loop: [Coroutine()]
end_within(0.1, "shutdown", object())
threading.Event().wait(60)
"""
    done = subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_UNEXPECTED
    assert "waiting:\nunknown: RuntimeError('changed during iteration')" in done.stderr


def test_an_orderly_end_in_time_is_not_disturbed() -> None:
    command = [sys.executable, "-c", END_WITHIN + "asyncio.run(main(600, True))"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
