"""/metrics, /healthz and /readyz of a process that is no endpoint: a thread that answers, and asks the event loop.

Whatever is answered was found within the loop: a loop that does not turn is not alive, and no number is read while it
changes. Only the text page is made in the thread.
"""

import asyncio
import json
import socketserver
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from threading import Thread
from typing import ClassVar, TypeVar

from prometheus_client import ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from ops.configuration.settings import Settings, variable
from ops.processes.listening import address_of, refusal
from streams.metrics import MetricsText, Observed, Reading

HOST, PORT = variable("metrics_host"), variable("metrics_port")
#: A loop that does not turn for so long is not alive: sessions and transactions end soon after.
TURN_WITHIN_S = 5.0
STARTING = "starting: it reads what it follows"

T = TypeVar("T")


class LoopStuck(Exception):
    """The event loop did not answer in time."""


class MetricsServer:
    """Answers for one process. `observe` says whom to ask; until then the process starts."""

    def __init__(self, address: str, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._observed: Observed | None = None
        self._process = ProcessCollector(namespace="freshet", registry=None)
        handler = type("Handler", (_Handler,), {"server_of": self})
        self._server = (_Server6 if ":" in address else _Server)((address, port), handler)

    def start(self) -> None:
        """Begins to answer."""
        Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()

    def observe(self, observed: Observed) -> None:
        """From now on this process is asked."""
        self._observed = observed

    # -- in the server's thread -----------------------------------------------------------------------------------

    def health(self) -> tuple[HTTPStatus, str, bytes]:
        """200 while the loop turns and the process works."""
        try:
            why = self._ask(lambda observed: observed.stuck(), "")
        except LoopStuck as stuck:
            why = str(stuck)
        return _answer("ok", "stuck", why)

    def readiness(self) -> tuple[HTTPStatus, str, bytes]:
        """200 while it does its work."""
        try:
            why = self._ask(lambda observed: observed.unready() or observed.stuck(), STARTING)
        except LoopStuck as stuck:
            why = str(stuck)
        return _answer("ready", "not ready", why)

    def page(self) -> tuple[HTTPStatus, str, bytes]:
        """The Prometheus text page."""
        nothing: list[Reading] = []
        try:
            readings = self._ask(lambda observed: list(observed.readings()), nothing)
        except LoopStuck as stuck:
            return HTTPStatus.SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", f"{stuck}\n".encode()
        of_process: bytes = generate_latest(self._process)
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, MetricsText(readings).text() + of_process

    def _ask(self, ask: Callable[[Observed], T], unknown: T) -> T:
        async def answer() -> T:
            return unknown if self._observed is None else ask(self._observed)

        question = asyncio.run_coroutine_threadsafe(answer(), self._loop)
        try:
            return question.result(TURN_WITHIN_S)
        except NoAnswer:
            question.cancel()
            raise LoopStuck(f"the event loop has not turned for {TURN_WITHIN_S:g} s") from None


class _Handler(BaseHTTPRequestHandler):
    """GET of three addresses."""

    timeout = 5.0
    server_of: ClassVar[MetricsServer]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers."""
        server = self.server_of
        routes = {"/metrics": server.page, "/healthz": server.health, "/readyz": server.readiness}
        route = routes.get(self.path.partition("?")[0])
        if route is None:
            self.send_error(HTTPStatus.NOT_FOUND, "there are /metrics, /healthz and /readyz")
            return
        status, content_type, body = route()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: probes come every few seconds."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = AF_INET

    def server_bind(self) -> None:
        """Without asking a name server for our own name, as the library's does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _Server6(_Server):
    address_family = AF_INET6


def _answer(well: str, ill: str, why: str) -> tuple[HTTPStatus, str, bytes]:
    said = {"status": ill, "reason": why} if why else {"status": well}
    return HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK, "application/json", json.dumps(said).encode()


@contextmanager
def metrics_server(settings: Settings, loop: asyncio.AbstractEventLoop) -> Iterator[MetricsServer | None]:
    """The server that the settings ask for while the body runs; None when they ask for none. Raises `CannotListen`."""
    if not settings.metrics_port:
        yield None
        return
    address = address_of(settings.metrics_host, HOST)
    try:
        server = MetricsServer(address, settings.metrics_port, loop)
    except OSError as problem:
        raise refusal(address, settings.metrics_port, problem, HOST, PORT) from None
    server.start()
    try:
        yield server
    finally:
        server.close()
