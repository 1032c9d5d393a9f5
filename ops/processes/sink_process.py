"""One sink as a process: settings to plain values, event loop, signals, logging, exit code."""

import asyncio
import logging
import signal

import uvloop

from ops.configuration.settings import Settings
from ops.configuration.sinks import SINKS, sink_config
from ops.exit_codes import ExitCode
from ops.kafka_check import require_usable_kafka
from ops.processes.logs import log_as
from ops.processes.metrics_server import MetricsServer, metrics_server
from streams.contract.limits import LIMITS
from streams.kafka.bulk_read import TopicMissing
from streams.sinks.log_marks import LogReplaced
from streams.sinks.runner import SinkRunner
from streams.sinks.sink import SchemaMissing
from streams.sinks.start_at import PositionsInUse, StartAt, set_positions


def run(settings: Settings, name: str, start_at: StartAt | None) -> int:
    """Runs a sink until it is asked to stop; returns the exit code."""
    log_as(settings, "sink")
    LIMITS.batch_bytes = settings.max_batch_bytes
    require_usable_kafka(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            with metrics_server(settings, runner.get_loop()) as server:
                return runner.run(_run(settings, name, start_at, server))
        except (SchemaMissing, TopicMissing, PositionsInUse) as refusal:
            logging.critical("%s", refusal)
            return ExitCode.USAGE
        except LogReplaced as end:
            logging.critical("%s", end)
            return ExitCode.BUG


async def _run(settings: Settings, name: str, start_at: StartAt | None, server: MetricsServer | None) -> int:
    config, sink = sink_config(settings), SINKS[name](settings)
    if start_at is not None:
        await set_positions(config, name, sink.wants_served, start_at)
    runner = SinkRunner(config, sink)
    if server is not None:
        server.observe(runner)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runner.stop)
    await runner.run()
    return ExitCode.OK
