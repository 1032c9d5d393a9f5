"""A real `freshet serve` process over the lists of a cluster's version, or an endpoint in the test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from harness.cluster import Cluster
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess, Workers
from ops.local_stack.ports import free_port
from serving.endpoint.app import Endpoint
from serving.endpoint.services import Services


@asynccontextmanager
async def endpoint_of(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the process, once that is ready; it ends with the body."""
    port = free_port()
    environment = cluster.place.environment(cluster.version) | {"FRESHET_ENDPOINT_PORT": str(port)}
    processes = Workers()
    processes.add(WorkerProcess("endpoint", [str(FRESHET), "serve"], environment, cluster.place.folder))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def ready() -> bool:
                processes.tend()
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually("the endpoint is ready", ready)
            yield client
    finally:
        processes.end()


@asynccontextmanager
async def started(app: Endpoint) -> AsyncIterator[tuple[httpx.AsyncClient, Services]]:
    """A client of an endpoint in this process, between its start-up and shutdown events, with what it owns."""
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    done: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    lifespan = asyncio.create_task(app({"type": "lifespan"}, events.get, done.put))
    await events.put({"type": "lifespan.startup"})
    answer = (await done.get())["type"]
    assert answer == "lifespan.startup.complete", answer
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client, app._services
    await events.put({"type": "lifespan.shutdown"})
    await lifespan
