"""`freshet up`, `down`, `status`, `logs`: the local Kafka and Valkey."""

from dataclasses import asdict
from typing import Annotated

import typer

from ops.configuration.command_settings import command_settings
from ops.exit_codes import CommandFailed, ExitCode
from ops.output import JsonOption, console, print_json


class NoLog(CommandFailed):
    """A server that was never started, or that does not exist, has no log."""

    code = ExitCode.USAGE


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (up, status, logs, down):
        app.command()(command)


def up(
    nodes: Annotated[
        int | None,
        typer.Option(
            help="Brokers of a Kafka that is started here: 1, or 3 that survive the loss of one. The state folder"
            " remembers it (at first 1) until `down --wipe`.",
            show_default=False,
        ),
    ] = None,
    stores: Annotated[
        str,
        typer.Option("--with", help="Analytic stores to start as well, with commas between: cassandra, clickhouse."),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Start a real Kafka and a real Valkey on this machine; no root, Docker or Java is needed.

    Whatever answers at FRESHET_KAFKA_BOOTSTRAP or FRESHET_REDIS_URL already is used instead and never stopped. The
    first start downloads about 50 MB. Returns once both servers answer.
    """
    from ops.local_stack.configured import ConfiguredServers
    from ops.local_stack.kafka_cluster import NODES

    if nodes not in (None, *NODES):
        raise typer.BadParameter(f"--nodes is {' or '.join(map(str, NODES))}, not {nodes}")
    settings = command_settings()
    servers = ConfiguredServers(settings, nodes)
    with console().status("starting Kafka and Valkey …"):
        started = servers.up([name.strip() for name in stores.split(",") if name.strip()])
    timings = servers.timings
    addresses = servers.addresses
    for name, outcome in started.items():
        console().print(f"{name} answers at {addresses[name]} ({outcome})", markup=False)
    console().print(f"download {timings.download_s:.1f} s, start {timings.start_s:.1f} s")
    has_nodes = sum(name.startswith("kafka") for name in started) > 1
    if has_nodes and (settings.kafka, settings.replication) != (
        servers.bootstrap,
        servers.nodes,
    ):
        hint = f"FRESHET_KAFKA_BOOTSTRAP={servers.bootstrap} FRESHET_REPLICATION={servers.nodes}"
        console().print(f"to survive the loss of one, set {hint}", markup=False)
    if json:
        print_json({"servers": started, **timings.as_dict()})


def status(json: JsonOption = False) -> None:
    """Say which server answers, whose it is and where its log is, and what is not right with the topics.

    Exit code 3 unless all servers answer, 1 when workers refuse a topic (partitions, whose time records carry).
    """
    from ops.local_stack.configured import ConfiguredServers
    from ops.operator.inspect.topics_status import topics_status

    settings = command_settings()
    configured = ConfiguredServers(settings)
    servers = configured.status()
    for server in servers:
        answer = "answers" if server.answers else "does not answer"
        ours = f", pid {server.pid}, log {server.log}" if server.pid else ""
        console().print(f"{server.name} at {server.address} {answer} (owner: {server.owner}{ours})", markup=False)
    topics = None
    if any(server.answers for server in servers if server.name.startswith("kafka")):
        topics = topics_status(settings, configured.bootstrap)
        for remark in topics.remarks:
            console().print(remark, markup=False)
    if json:
        remarks = {} if topics is None else {"topics": list(topics.remarks)}
        print_json({server.name: asdict(server) for server in servers} | remarks)
    if topics is not None and topics.stops_workers and all(server.answers for server in servers):
        raise typer.Exit(ExitCode.CHECK_FAILED)
    if not all(server.answers for server in servers):
        raise typer.Exit(ExitCode.UNREACHABLE)


def logs(
    server: Annotated[
        str, typer.Argument(help="Name of the server: kafka, redis, or with several nodes kafka-1, kafka-2 …")
    ] = "kafka",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Number of lines from the end of the log.")] = 50,
) -> None:
    """Print the end of a local server's log."""
    from ops.local_stack.configured import ConfiguredServers

    known = ConfiguredServers(command_settings()).logs
    path = known.get(server) or (known["kafka-1"] if server == "kafka" else None)
    if path is None:
        raise NoLog(f"there is no {server}, only {', '.join(known)}")
    if not path.exists():
        raise NoLog(f"there is no {path}: `freshet up` has not started {server}")
    for line in path.read_text(errors="replace").splitlines()[-lines:]:
        typer.echo(line)


def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Also remove everything the servers stored.")] = False,
    json: JsonOption = False,
) -> None:
    """Stop the servers that `freshet up` started, with time to flush; leave all others alone."""
    from ops.local_stack.configured import ConfiguredServers

    ended = ConfiguredServers(command_settings()).down(wipe)
    for name, how in ended.items():
        console().print(f"{name}: {how}")
    if wipe:
        console().print("stored data removed")
    if json:
        print_json({"servers": ended, "wiped": wipe})
