"""`freshet worker` whose connections go through proxies, whose RocksDB flushes often, and whose wall clock can jump.

Run as a process of its own. CHAOS_DETOURS maps server ports to proxy ports (JSON). A broker tells clients its own
address, so the way to a proxy is taken where connections are made; everything else is the worker as shipped.
"""

from stepped_clock import SteppedClock

SteppedClock().install()  # before anybody takes the clock by name

# ruff: noqa: E402
import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import uvloop
from rocksdict import Options

from agents.delivery import store
from ops.cli import main

#: RocksDB's minimum: some hundred rows reach the disk, not some hundred thousand.
WRITE_BUFFER_BYTES = 64 * 1024


def take_detours(loop_type: type[Any], detours: dict[str, int]) -> None:
    """Makes every loop of a type connect to the proxies."""
    connect: Callable[..., Any] = loop_type.create_connection

    async def detoured(loop: Any, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        return await connect(loop, factory, host, detours.get(str(port), port), **options)

    loop_type.create_connection = detoured


def small_options(*arguments: Any, **options: Any) -> Options:
    """RocksDB options with the smallest write buffer."""
    made = Options(*arguments, **options)
    made.set_write_buffer_size(WRITE_BUFFER_BYTES)
    return made


if __name__ == "__main__":
    ports = json.loads(os.environ["CHAOS_DETOURS"])
    for type_ in (asyncio.BaseEventLoop, uvloop.Loop):  # Faust reads Kafka in a thread with a loop of its own
        take_detours(type_, ports)
    store.Options = small_options
    sys.argv = ["freshet", "worker"]
    main()
