"""A storefront and a real Chromium."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess, Workers
from playwright.async_api import Browser, async_playwright

from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack

#: Debian's, or whatever FRESHET_TEST_CHROMIUM names.
CHROMIUM = os.environ.get("FRESHET_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def address(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a `freshet storefront` process over the run's own servers."""
    port, processes, folder = free_port(), Workers(), tmp_path_factory.mktemp("storefront")
    environment = {
        "FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap,
        "FRESHET_REDIS_URL": stack.redis_url,
        "FRESHET_STATE_DIR": str(folder),
    }
    command = [str(FRESHET), "storefront", "--port", str(port)]
    shop = processes.add(WorkerProcess("storefront", command, environment, folder))
    url = f"http://127.0.0.1:{port}"
    try:
        asyncio.run(_open(url, shop))
        yield url
    finally:
        processes.end()


async def _open(url: str, shop: WorkerProcess) -> None:
    async with httpx.AsyncClient() as client:

        async def is_open() -> bool:
            shop.tend()
            assert not shop.exits, shop.log_text
            try:
                return (await client.get(url)).status_code == 200
            except httpx.TransportError:
                return False

        await eventually("the storefront is open", is_open)


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """Headless."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()
