"""`freshet bench`: measurements, which live in bench/ of a checkout and are not installed."""

import os
import sys
from pathlib import Path
from typing import Final

import typer

import ops
from ops.commands import panels
from ops.exit_codes import CommandFailed, ExitCode

#: Name on the command line to (file in bench/, what it measures). Every script takes --help and --json.
BENCHES: Final = {
    "all": (
        "all_benches.py",
        "The benches below that give ratios, several times each, as one report (--data DIR, --report FILE).",
    ),
    "worker": ("worker.py", "One worker over MovieLens 100K, beside stock Faust (--data DIR)."),
    "peers": ("peers.py", "The same events through stock Faust, quixstreams, Kafka Streams and a worker (--data DIR)."),
    "quality": ("quality.py", "How good lists are on real data, beside baselines (--data DIR, --only PART)."),
    "replay": ("replay.py", "A replay beside the live path and stock Faust; MovieLens 1M as a whole (--data DIR)."),
    "recovery": ("recovery.py", "Restore of tables, and failover after a kill."),
    "rolling": (
        "rolling.py",
        "Workers restarted one by one and scaled under load, beside a stop and start; a recount.",
    ),
    "freshness": ("freshness.py", "Event to list under load, beside an idle system: p50, p99, CPU by process."),
    "endpoint": ("endpoint.py", "The endpoint beside a naive service, a static answer and Redis itself."),
    "search": ("search.py", "Search and filters at 50,000 titles, beside a list that is read."),
    "endpoint-faults": ("endpoint_faults.py", "The endpoint while Redis, Kafka or a worker breaks, one row a fault."),
    "endpoint-soak": ("endpoint_soak.py", "A million checked answers while Redis stops again and again; memory."),
    "collect": ("collect.py", "Events over HTTP until Kafka has them, beside FastAPI and aiokafka."),
    "sinks": ("sinks.py", "Rows a second into each analytic store, beside a naive writer of single rows."),
    "folds": ("folds.py", "What an event costs where it is folded, beside a former commit (--former DIR, --data DIR)."),
    "lists": ("lists.py", "What a list costs by size of batch, beside a former commit (--former DIR, --data DIR)."),
    "sizes": ("sizes.py", "Bytes of a user, an item and a profile, in a worker and in Redis (--data DIR)."),
    "experiments": ("experiments.py", "Whether reports of experiments can be believed: A/A, power, SRM, layers."),
    "metrics": (
        "metrics_cost.py",
        "What counting and traces cost, by the same batches through copies of a partition (--data DIR).",
    ),
    "index": ("index.py", "Nearest item vectors at 10K, 50K and 500K items, beside exact numpy."),
}


class NoCheckout(CommandFailed):
    """Freshet is installed without its repository: exit code 2."""

    code = ExitCode.USAGE


def register(app: typer.Typer) -> None:
    """Adds a command for every bench; options go to the script as they are."""
    group = typer.Typer(help="Measure Freshet; needs a checkout of its repository.", no_args_is_help=True)
    for name, (file, purpose) in BENCHES.items():
        _add(group, name, file, purpose)
    app.add_typer(group, name="bench", rich_help_panel=panels.LOOK)


def script_path(file: str) -> Path:
    """The script in the checkout that `ops` is imported from. Raises `NoCheckout`."""
    path = Path(ops.__file__).parent.parent / "bench" / file
    if not path.is_file():
        raise NoCheckout(f"`freshet bench` needs a checkout of the repository: there is no {path}")
    return path


def _add(group: typer.Typer, name: str, file: str, purpose: str) -> None:
    passed_on = {"allow_extra_args": True, "ignore_unknown_options": True}

    @group.command(name, help=purpose, context_settings=passed_on, add_help_option=False)
    def bench(context: typer.Context) -> None:
        path = script_path(file)
        # The script takes this process's place: output and exit code are its own, and what it starts ends with it.
        os.execv(sys.executable, [sys.executable, "-m", "ops.processes.bench_process", str(path), *context.args])
