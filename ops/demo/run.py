"""The demo in order, and undone in reverse, whatever happens in between."""

from contextlib import ExitStack

from ops.accounting import read_account
from ops.configuration.settings import Settings
from ops.demo.live import go_live
from ops.demo.namespace import Namespace, fresh_name
from ops.demo.phases import Phases
from ops.demo.run_folder import RunFolder
from ops.demo.servers import DemoServers
from ops.demo.summary import Summary
from ops.demo.traffic import DemoTraffic
from ops.demo.view import View
from ops.local_stack.ports import LOOPBACK, free_port
from ops.processes.interrupts import Interrupts
from ops.processes.supervisor import ProcessSupervisor


def run_demo(settings: Settings, traffic: DemoTraffic, view: View) -> Summary:
    """Runs the whole demo and leaves nothing behind: no process, topic, group or key.

    Call it in the main thread. Raises `Interrupted` on SIGINT, SIGTERM or SIGHUP, `CommandFailed`, `KafkaError` or
    `redis.RedisError`.
    """
    name = fresh_name()
    own = settings.state_dir / "demo" / name
    settings = settings.model_copy(
        update={
            "namespace": name,
            "endpoint_host": LOOPBACK,
            "endpoint_port": free_port(),
            "endpoint_workers": 1,
            "endpoint_metrics_dir": own / "endpoint-metrics",
        }
    )
    phases = Phases(view.phase_done)
    with Interrupts() as interrupts, ExitStack() as undo:  # undone in the order opposite to this
        servers = DemoServers(settings)
        undo.callback(servers.stop_own)
        with interrupts.allowed():
            _bring_up(servers, phases, view)

        namespace = Namespace(settings)
        undo.callback(namespace.remove)
        with phases.measure("topics"):
            namespace.create()  # not interrupted: a request under way would create topics after they were removed

        run_folder = RunFolder(own, view.notice)
        folder = undo.enter_context(run_folder)
        supervisor = ProcessSupervisor(view.notice)
        undo.callback(supervisor.stop)
        figures = interrupts.run(go_live(namespace, traffic, supervisor, phases, view, folder))
        account = interrupts.run(read_account(settings.kafka, namespace.topics))

        summary = Summary(
            figures.acknowledged,
            figures.ends,
            account,
            figures.lists_written,
            figures.freshness,
            phases.as_dict(),
            traffic.expected(),
        )
        run_folder.keep = bool(summary.problems())
        return summary


def _bring_up(servers: DemoServers, phases: Phases, view: View) -> None:
    started, timings = servers.up()
    for name, outcome in started.items():
        view.say(f"{name} at {servers.addresses[name]} ({outcome})")
    phases.note("download", timings.download_s)
    phases.note("start", timings.start_s)
