"""A real `freshet serve` process over the lists of a cluster's version."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from harness.cluster import Cluster
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess, Workers
from ops.local_stack.ports import free_port


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
