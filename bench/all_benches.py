"""The benches whose ratios Freshet is judged by, several times each, in one report with the machine and the versions.

    freshet bench all [--data DIR] [--repeats N] [--only NAME ...] [--out FILE] [--report FILE] [--json]

Each bench runs as a process of its own, N times (3), one after the other; its ratios compare what it measured side by
side. The report has their median and their spread, every object that a bench printed, processor, memory, kernel,
versions and commit. FILE of `--out` is written anew after each run and read at the start: what it holds of the same
commit and machine is not measured again, so an interrupted report goes on; where files differ from the commit, or
nobody knows it, everything is measured. `--report` writes Markdown, and a picture beside it (`.svg`). A bench that
fails is named with the end of what it said, in the page too, the others run, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from measured import BenchFailed

CHECKOUT = Path(__file__).parent.parent
PACKAGES = ("faust-streaming", "aiokafka", "numpy", "numba", "river", "faiss-cpu", "granian", "redis", "orjson")
UNKNOWN, DIRTY = "unknown", "-dirty"
Figures = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """A script in this folder and what of its figures is reported: what a ratio says by its path in the object."""

    script: str
    ratios: Mapping[str, str]
    options: tuple[str, ...] = ()
    takes_data: bool = False


BENCHES = {
    "peers": Bench(
        "peers.py",
        {
            "aiokafka.ratio_vs_stock_faust": "aiokafka, decoded and forgotten ÷ stock Faust, events by CPU",
            "quixstreams.ratio_vs_stock_faust": "quixstreams ÷ stock Faust, events by CPU",
            "kafka_streams.ratio_vs_stock_faust": "Kafka Streams ÷ stock Faust, events by CPU",
            "freshet_state_only.ratio_vs_stock_faust": "Freshet, state only ÷ stock Faust, events by CPU",
            "freshet_state_only.ratio_vs_kafka_streams_warm": "Freshet, state only ÷ warm Kafka Streams, events by CPU",
            "freshet_full.ratio_vs_stock_faust": "Freshet with every list ÷ stock Faust, events by CPU",
        },
        takes_data=True,
    ),
    "replay": Bench(
        "replay.py",
        {
            "ratio_vs_stock_cpu": "replay ÷ stock Faust, events by CPU",
            "ratio_vs_live_cpu": "replay ÷ live worker, events by CPU",
        },
        ("--ratios-only",),
        takes_data=True,
    ),
    "endpoint": Bench(
        "endpoint.py",
        {
            "ratio_vs_naive_cpu": "naive service ÷ endpoint, CPU an answer",
            "ratio_vs_naive_cpu_joined_anew": "naive service ÷ endpoint that joins cards anew, CPU an answer",
            "ratio_vs_static_cpu": "endpoint ÷ static answer, CPU an answer",
        },
    ),
    "freshness": Bench(
        "freshness.py",
        {
            "p99_over_floor": "freshness p99 under load ÷ p50 of an idle system",
            "cpu_cores_at_300": "cores at 300 events/s, all processes",
            "saturation_events_per_s": "events/s that two workers take at most",
        },
        ("--pause", "0"),
    ),
    "collect": Bench("collect.py", {"ratio_vs_naive_cpu": "naive event service ÷ collect, CPU an event"}),
    "search": Bench("search.py", {"ratio_p99_suggestions_vs_list": "suggestions ÷ stored list, p99"}),
    "sinks": Bench(
        "sinks.py",
        {
            "clickhouse.ratio_vs_naive": "ClickHouse sink ÷ row by row, rows a second",
            "cassandra.ratio_vs_naive": "Cassandra sink ÷ row by row, rows a second",
        },
    ),
}


@dataclass
class Report:
    """What was measured so far, where, and of which code."""

    machine: dict[str, str]
    versions: dict[str, str]
    repeats: int
    runs: dict[str, list[Figures]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def missing(self, names: list[str]) -> Iterator[str]:
        """The next bench to run, again and again: each once before any twice, so that what is cut short is even."""
        for number in range(self.repeats):
            for name in names:
                if len(self.runs.get(name, ())) <= number and name not in self.failures:
                    yield name

    def take(self, former: Mapping[str, Any]) -> None:
        """Takes the runs of a report of the same code on the same machine, if a commit says which code it is."""
        commit = self.versions["commit"]
        is_known = commit != UNKNOWN and not commit.endswith(DIRTY)
        if is_known and former["versions"] == self.versions and former["machine"] == self.machine:
            self.runs = former["runs"]

    def ratios(self) -> dict[str, dict[str, Any]]:
        """By bench and path: what it says, median, least, most and number of runs."""
        found: dict[str, dict[str, Any]] = {}
        for name, runs in self.runs.items():
            for path, says in BENCHES[name].ratios.items():
                values = [value for run in runs if (value := at(run, path)) is not None]
                if values:
                    median = round(statistics.median(values), 3)
                    spread = {"least": min(values), "most": max(values), "runs": len(values)}
                    found[f"{name}.{path}"] = {"says": says, "median": median, **spread}
        return found

    def as_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "machine": self.machine,
            "versions": self.versions,
            "repeats": self.repeats,
            "ratios": self.ratios(),
            "failures": self.failures,
            "runs": self.runs,
        }


def at(figures: Figures, path: str) -> float | None:
    """The number at a path like `a.b`; None where there is none.

    >>> at({"a": {"b": 2}}, "a.b"), at({"a": {"not_measured": "why"}}, "a.b")
    (2.0, None)
    """
    found: Any = figures
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return float(found) if isinstance(found, int | float) else None


def this_machine() -> dict[str, str]:
    """What figures depend on beside the code."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processor": processor or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory_gib": f"{psutil.virtual_memory().total / 2**30:.1f}",
        "kernel": platform.release(),
    }


def these_versions() -> dict[str, str]:
    """The commit, marked when files differ from it, Python and the libraries that matter."""
    commit = subprocess.run(
        ["git", "describe", "--always", f"--dirty={DIRTY}", "--abbrev=9"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    libraries = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"commit": commit.stdout.strip() or UNKNOWN, "python": platform.python_version(), **libraries}


def measure(bench: Bench, data: Path | None) -> Figures:
    """One run. Raises `BenchFailed`."""
    command = [sys.executable, "-m", "ops.processes.bench_process", str(Path(__file__).parent / bench.script)]
    command += [*bench.options, "--json", *(["--data", str(data)] if bench.takes_data and data else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr)[-1000:]
    if done.returncode != 0:
        raise BenchFailed(f"exit code {done.returncode}: {said}")
    try:
        figures = json.loads(done.stdout.strip().rpartition("\n")[2])
    except ValueError:
        figures = None
    if not isinstance(figures, dict):
        raise BenchFailed(f"its last line is no object: {said}")
    return figures


def markdown(report: Report, picture: str) -> str:
    """The page."""
    machine = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in report.machine.items())
    versions = ", ".join(f"{name} {value}" for name, value in report.versions.items())
    lines = [
        "# Benchmarks",
        "",
        "Written by `freshet bench all --report FILE`; not edited by hand. Every figure compares what one run measured",
        "side by side on one machine: absolute speeds of another machine differ, ratios hardly do.",
        "",
        f"Machine: {machine}.",
        f"Versions: {versions}.",
        "",
        f"![Ratios with their spread]({picture})",
        "",
        "| what | median | least to most | runs | command |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, ratio in report.ratios().items():
        command = f"`freshet bench {name.partition('.')[0]}`"
        spread = f"{ratio['least']:g} to {ratio['most']:g}"
        lines.append(f"| {ratio['says']} | {ratio['median']:g} | {spread} | {ratio['runs']} | {command} |")
    for name, why in report.failures.items():
        last = why.strip().rpartition("\n")[2]
        lines += ["", f"`freshet bench {name}` failed: {last}"]
    absent = sorted(set(BENCHES) - set(report.runs) - set(report.failures))
    lines += ["", *(f"Not measured here: `freshet bench {name}`." for name in absent)]
    return "\n".join(lines).rstrip() + "\n"


def draw(report: Report, file: Path) -> None:
    """Medians as points with a line from the least to the most, on a logarithmic axis."""
    from matplotlib.figure import Figure

    ratios = list(report.ratios().values())[::-1]
    figure = Figure(figsize=(9, 0.4 * len(ratios) + 1), layout="constrained")
    axes = figure.subplots()
    for place, ratio in enumerate(ratios):
        axes.plot([ratio["least"], ratio["most"]], [place, place], color="tab:blue", linewidth=3, alpha=0.5)
        axes.plot(ratio["median"], place, "o", color="tab:blue")
    axes.set_yticks(range(len(ratios)), [ratio["says"] for ratio in ratios])
    axes.set_xscale("log")
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(file, format="svg", metadata={"Date": None})


def run(report: Report, names: list[str], data: Path | None, out: Path | None) -> None:
    """Measures what is missing, and keeps what it has after each run."""
    for name in report.missing(names):
        print(f"{name}: run {len(report.runs.get(name, ())) + 1} of {report.repeats}", flush=True)
        try:
            figures = measure(BENCHES[name], data)
        except BenchFailed as failed:
            report.failures[name] = str(failed)
            print(f"{name} failed: {failed}", file=sys.stderr, flush=True)
        else:
            report.runs.setdefault(name, []).append(figures)
        if out is not None:
            part = out.with_name(f"{out.name}.part")
            part.write_text(json.dumps(report.as_dict(), indent=1) + "\n")
            part.replace(out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds ml-100k/ and ml-1m/ (default: FRESHET_DATA_DIR)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each bench (default: 3)")
    parser.add_argument("--only", action="append", choices=BENCHES, help="only this bench; may be repeated")
    parser.add_argument(
        "--out", type=Path, help="file with all that was measured, from which an interrupted run goes on"
    )
    parser.add_argument("--report", type=Path, help="Markdown file to write, with a picture beside it")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    report = Report(this_machine(), these_versions(), arguments.repeats)
    if arguments.out is not None and arguments.out.exists():
        report.take(json.loads(arguments.out.read_text()))
    run(report, arguments.only or list(BENCHES), arguments.data, arguments.out)
    if arguments.report is not None:
        picture = arguments.report.with_suffix(".svg")
        draw(report, picture)
        arguments.report.write_text(markdown(report, picture.name))
    for ratio in report.ratios().values():
        print(f"{ratio['says']}: {ratio['median']:g} ({ratio['least']:g} to {ratio['most']:g})")
    if arguments.json:
        print(json.dumps(report.as_dict()))
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
