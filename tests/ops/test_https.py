"""The endpoint speaks HTTPS when it has a certificate, and takes a new one when it is told to."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from harness.certificates import Authority
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess, Workers

from ops.local_stack.ports import free_port


@pytest.fixture
async def https(tmp_path: Path) -> AsyncIterator[tuple[WorkerProcess, Authority, int]]:
    """An endpoint without servers behind it; its certificate is the authority's first."""
    authority, port, processes = Authority(tmp_path), free_port(), Workers()
    environment = {
        "FRESHET_ENDPOINT_PORT": str(port),
        "FRESHET_ENDPOINT_TLS_CERT_FILE": str(authority.server()),
        "FRESHET_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "FRESHET_ENDPOINT_PUBLISH_SHARE": "0",
        "FRESHET_STATE_DIR": str(tmp_path / "state"),
    }
    process = processes.add(WorkerProcess("endpoint", [str(FRESHET), "serve"], environment, tmp_path))
    yield process, authority, port
    processes.end()


def serial_number(authority: Authority, port: int) -> int:
    """Of the certificate that is shown to a new connection."""
    pem = ssl.get_server_certificate(("127.0.0.1", port), ca_certs=str(authority.file))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


async def test_a_new_certificate_is_taken_while_it_runs(
    https: tuple[WorkerProcess, Authority, int],
) -> None:
    process, authority, port = https
    context = ssl.create_default_context(cafile=authority.file)

    async def alive() -> bool:
        process.tend()
        try:
            async with httpx.AsyncClient(verify=context) as client:
                return (await client.get(f"https://127.0.0.1:{port}/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    await eventually("it answers over HTTPS", alive)
    async with httpx.AsyncClient() as stranger:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.get(f"https://127.0.0.1:{port}/healthz")
    before = serial_number(authority, port)
    authority.server()  # in the same file
    process.reload()

    async def renewed() -> bool:
        return await alive() and serial_number(authority, port) != before

    await eventually("the new certificate is shown", renewed)
    assert process.exits == []
