"""How fresh lists are under load: appended to list readable in Redis, beside a floor of the same run.

    freshet bench freshness [--seconds S] [--workers N ...] [--out FILE] [--json]

Kafka, Valkey, workers and the endpoint of its own. For each number of workers: the floor (one event at a time on an
idle system), saturation (events that come out a second while up to 1,500 always wait), and then an open loop at 300/s,
1,000/s and 70 % of saturation, for uniform and for bursty users; at the end a pause: events go on to come at 70 % of
saturation while nobody reads them, and `recovery_s` after it lists are as fresh as before. CPU is in cores, of whole
process trees, while events are published; `load` is this process, which makes the load and is not counted in sums. Each
row is printed, and written to FILE, as soon as it is measured: what is interrupted keeps what it had.

With `--beside-sinks` pairs of rows at 300/s are measured instead: without sinks, and with sinks whose stores are away.

`p99_over_floor` is of the most workers, at 1,000/s or 70 % of saturation, whichever is less, the worse kind of users;
`cpu_cores_at_300` of the most workers, uniform users.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from freshness_beside_sinks import SinksOfAwayStores, measure_pairs, of_pairs
from freshness_live import Live, Load, Row
from freshness_traffic import BURSTY, UNIFORM

from ops.configuration.settings import Settings
from ops.configuration.settings_sources import load_settings
from ops.demo.namespace import Namespace
from ops.exit_codes import ExitCode
from ops.local_stack.ports import LOOPBACK, free_port
from ops.local_stack.stack import LocalStack
from ops.processes.interrupts import Interrupted, Interrupts
from ops.processes.supervisor import ProcessSupervisor

RATES = (300.0, 1000.0)
OF_SATURATION = 0.7
PARTITIONS = 4


@dataclass
class Report:
    """The rows so far; `write` is called after each."""

    out: Path | None
    rows: list[Row] = field(default_factory=list)
    floors_ms: dict[int, float] = field(default_factory=dict)
    saturations: dict[int, float] = field(default_factory=dict)
    beside_sinks: Row = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Prints and keeps one row."""
        self.rows.append(row)
        print(json.dumps(row), flush=True)
        if self.out is not None:
            part = self.out.with_name(self.out.name + ".part")
            part.write_text(json.dumps(self.as_dict()) + "\n")
            part.replace(self.out)

    def as_dict(self) -> Row:
        """Figures of the most workers that were measured; None where that was not reached."""
        most = max(self.floors_ms, default=0)
        floor_ms, saturation = self.floors_ms.get(most), self.saturations.get(most)
        return {
            "floor_p50_ms": floor_ms,
            "p99_over_floor": self._p99_over_floor(most, floor_ms, saturation),
            "cpu_cores_at_300": next(
                (row["cpu_cores_of_all"] for row in self._of(most) if (row["rate"], row["users"]) == (300, UNIFORM)),
                None,
            ),
            "saturation_events_per_s": saturation and round(saturation),
            "recovery_s": next((row["recovery_s"] for row in self._of(most) if "pause_s" in row), None),
            "beside_sinks": self.beside_sinks or None,
            "rows": self.rows,
        }

    def _p99_over_floor(self, workers: int, floor_ms: float | None, saturation: float | None) -> float | None:
        if floor_ms is None or saturation is None:
            return None
        rate = round(min(RATES[-1], OF_SATURATION * saturation))
        worst = [row["p99_ms"] for row in self._of(workers) if row["rate"] == rate and "pause_s" not in row]
        return round(max(worst) / floor_ms, 1) if worst else None

    def of_load(self, workers: int, events_per_s: float) -> Row:
        """The row of uniform users at a rate."""
        found = [row for row in self._of(workers) if (row["rate"], row["users"]) == (round(events_per_s), UNIFORM)]
        return found[-1]

    def _of(self, workers: int) -> list[Row]:
        return [row for row in self.rows if row["workers"] == workers and row["rate"]]


async def measure(live: Live, folder: Path, report: Report, arguments: argparse.Namespace) -> None:
    """All rows of one number of workers."""
    async with live:
        await live.bring_up(folder)
        await live.warm_up(arguments.warm_up)
        floor = await live.floor(arguments.floor_events)
        report.floors_ms[live.workers] = floor["p50_ms"]
        report.add(floor)
        saturation = report.saturations[live.workers] = await live.saturation(arguments.seconds)
        report.add({"workers": live.workers, "users": "saturation", "rate": 0, "events_per_s": round(saturation)})
        for rate in (*RATES, OF_SATURATION * saturation):
            for users in (UNIFORM, BURSTY):
                report.add(await live.row(Load(users, rate, arguments.seconds)))
        if arguments.pause:
            usual = report.of_load(live.workers, OF_SATURATION * saturation)
            load = Load(UNIFORM, OF_SATURATION * saturation, arguments.seconds)
            report.add(await live.recovery(load, arguments.pause, usual["p99_ms"]))


async def measure_beside_sinks(live: Live, folder: Path, report: Report, arguments: argparse.Namespace) -> None:
    """Pairs of rows, without sinks and with sinks that cannot write."""
    sinks = SinksOfAwayStores(live.settings, folder / "stores")
    with sinks.made():
        async with live:
            await live.bring_up(folder)
            await live.warm_up(arguments.warm_up)
            load = Load(UNIFORM, RATES[0], arguments.seconds)
            rows = await measure_pairs(live, sinks, load, arguments.beside_sinks)
    for row in rows:
        report.add(row)
    report.beside_sinks = of_pairs(rows)


def run(arguments: argparse.Namespace, folder: Path, report: Report) -> None:
    """The whole bench on servers of its own. Raises `Interrupted`."""
    stack = LocalStack.on_free_ports(folder / "servers")
    with Interrupts() as interrupts, ExitStack() as undo:
        undo.callback(stack.wipe)
        undo.callback(stack.stop)
        with interrupts.allowed():
            stack.start()
        for workers in arguments.workers:
            settings = _settings(stack, folder, workers)
            Namespace(settings).create()
            with ExitStack() as ends:
                supervisor = ProcessSupervisor(lambda text: print(text, file=sys.stderr, flush=True))
                ends.callback(supervisor.stop)
                live = Live(settings, stack, supervisor, workers, arguments.users, arguments.items)
                measured = measure_beside_sinks if arguments.beside_sinks else measure
                interrupts.run(measured(live, folder / f"workers-{workers}", report, arguments))


def _settings(stack: LocalStack, folder: Path, workers: int) -> Settings:
    return load_settings().model_copy(
        update={
            "namespace": f"bench-{workers}",
            "kafka_bootstrap": stack.bootstrap,
            "redis_url": stack.redis_url,
            "partitions": PARTITIONS,
            "endpoint_host": LOOPBACK,
            "endpoint_port": free_port(),
            "endpoint_workers": 1,
            "state_dir": folder / "state",
        }
    )


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="freshet bench freshness", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each row and of saturation")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 2], help="numbers of workers, one after the other"
    )
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--warm-up", type=int, default=10_000, help="events published before anything is measured")
    parser.add_argument("--floor-events", type=int, default=40, help="events that the floor is measured with")
    parser.add_argument("--pause", type=float, default=60.0, help="seconds that nobody reads, at the end; 0 = never")
    parser.add_argument(
        "--beside-sinks", type=int, default=0, metavar="PAIRS", help="measure so many pairs, nothing else"
    )
    parser.add_argument("--out", type=Path, help="file that is written anew after each row")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    for client in ("aiokafka", "kafka"):  # they warn of every retry after topics were just created
        logging.getLogger(client).setLevel(logging.ERROR)
    report = Report(arguments.out)
    code = 0
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        try:
            run(arguments, Path(folder), report)
        except Interrupted as interrupted:
            print(f"{interrupted}: everything that was started is stopped", file=sys.stderr)
            code = ExitCode.INTERRUPTED
    figures = report.as_dict()
    if arguments.json:
        print(json.dumps(figures))
    else:
        print({name: value for name, value in figures.items() if name != "rows"})
    return code


if __name__ == "__main__":
    sys.exit(main())
