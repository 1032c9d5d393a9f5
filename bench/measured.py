"""Processes whose CPU time is measured while they work through a log that is already there."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ops.group_progress import GroupProgress
from streams.kafka.topics import Topics

READY = "worker ready"
POLL_S = 0.05
TIMEOUT_S = 900
COUNTED = Path(__file__).with_name("counted_requests.py")
STOCK_FAUST = Path(__file__).parent / "baselines" / "stock_faust.py"


class BenchFailed(RuntimeError):
    """A measured process ended or did not finish; the message ends with what it printed."""


@dataclass(frozen=True)
class Speed:
    """Events by wall time and by CPU time (user + system, all threads); requests to Kafka per 1,000 events by kind,
    where they were counted."""

    events_per_s: float
    events_per_cpu_s: float
    requests_per_1000: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, float]:
        """Rounded to whole events."""
        speed = {"events_per_s": round(self.events_per_s), "events_per_cpu_s": round(self.events_per_cpu_s)}
        if not self.requests_per_1000:
            return speed
        return {**speed, "broker_requests_per_1000_events": round(sum(self.requests_per_1000.values()), 1)}


async def measure_worker(
    command: Sequence[str], environment: Mapping[str, str], log: Path, bootstrap: str, topics: Topics, events: int
) -> Speed:
    """One worker process from ready (its followers have caught up) to everything folded and published.

    `command` is `[python, "-m", module]` or `[python, script]`.
    """
    counts = log.with_name(f"{log.stem}-requests.json")
    command = [command[0], str(COUNTED), str(counts), *command[1:]]
    with log.open("wb") as output:
        process = psutil.Popen(
            command, env={**os.environ, **environment}, cwd=log.parent, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await _until_ready(process, log)
            began_s, began_cpu_s, before = time.monotonic(), _cpu_s(process), json.loads(counts.read_text())
            async with GroupProgress(bootstrap, topics.consumer_group) as progress:
                while not await progress.caught_up([topics.interactions, topics.deltas]):
                    _check(process, log)
                    await asyncio.sleep(POLL_S)
            wall_s, cpu_s = time.monotonic() - began_s, _cpu_s(process) - began_cpu_s
            after = json.loads(counts.read_text())
    finally:
        if process.poll() is None:
            process.terminate()
        await asyncio.to_thread(process.wait)
    requests = {kind: (count - before.get(kind, 0)) * 1000 / events for kind, count in after.items()}
    return Speed(events / wall_s, events / cpu_s, requests)


def measure_stock(bootstrap: str, topic: str, partitions: int, folder: Path, events: int) -> Speed:
    """The stock Faust application over the same topic, by its own clocks."""
    environment = {
        "EVENTS": str(events),
        "APP_ID": f"{topic}.stock",
        "BROKER": f"kafka://{bootstrap}",
        "PARTITIONS": str(partitions),
        "STATE_DIR": str(folder),
        "TOPIC": topic,
    }
    command = [sys.executable, "-m", "faust", "-A", STOCK_FAUST.stem, "worker", "-l", "warn"]
    found = measure_program(command, environment, STOCK_FAUST.parent)
    return Speed(found["events_per_s"], found["events_per_cpu_s"])


def measure_program(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> dict[str, float]:
    """The last JSON object that a program prints, run in `folder`: on standard output, or, as stock Faust sends what is
    printed through its log, on standard error. Raises `BenchFailed`."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise BenchFailed(f"{' '.join(command)} did not end within {TIMEOUT_S:g} s") from late
    found = _last_object(done.stdout) or _last_object(done.stderr)
    if done.returncode != 0 or found is None:
        output = done.stdout + done.stderr
        raise BenchFailed(f"{' '.join(command)} ended with {done.returncode}:\n{output[-2000:]}")
    return found


def _last_object(said: str) -> dict[str, float] | None:
    for text in reversed(re.findall(r"\{[^{}]+\}", said)):
        with suppress(ValueError):  # a program may print what looks like one
            found: dict[str, float] = json.loads(text)
            return found
    return None


async def _until_ready(process: psutil.Popen, log: Path) -> None:
    while READY not in _text(log):
        _check(process, log)
        await asyncio.sleep(POLL_S)


def _check(process: psutil.Popen, log: Path) -> None:
    if process.poll() is not None:
        raise BenchFailed(f"the worker ended with {process.returncode}:\n{_text(log)[-2000:]}")


def _cpu_s(process: psutil.Popen) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _text(log: Path) -> str:
    return log.read_text(errors="replace")
