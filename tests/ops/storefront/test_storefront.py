"""A person in a real Chromium: onboarding, plays that change rows, what is hidden, what a child sees, operators."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from harness.polling import eventually
from playwright.async_api import Browser, Page

from streams.contract.catalog import maturity_age

from .conftest import CHROMIUM

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"),
]

#: Where screenshots of the README go when they are to be made again.
PICTURES = os.environ.get("FRESHET_TEST_PICTURES")
CLICKS = int(os.environ.get("FRESHET_TEST_CLICKS", "6"))
#: What is not done by then hangs, on however busy a machine.
HANG_MS = 300_000
PHONE = {"width": 360, "height": 740}


async def new_page(chromium: Browser, address: str, **options: Any) -> tuple[Page, list[str]]:
    """The page, and what goes wrong on it while it is used."""
    page = await (await chromium.new_context(**options)).new_page()
    page.set_default_timeout(HANG_MS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    await page.goto(address)
    await page.wait_for_selector("body[data-ready=yes]")
    return page, wrong


async def until(page: Page, condition: str) -> None:
    """Waits until the script says true. Not by the library's own way, which evaluates text within the page: the page
    forbids that."""

    async def holds() -> bool:
        return bool(await page.evaluate(condition))

    await eventually(condition, holds)


def figure(name: str) -> str:
    """The script for a number of the operators' panel; NaN while it is not known."""
    return f"Number(document.querySelector('[data-figure={name}]').textContent)"


async def create(page: Page, *genres: str, kids: bool = False) -> str:
    """Goes through the form; the new person's id, once their own list is shown."""
    await page.select_option("#country", "DE")
    for genre in genres:
        await page.check(f"input[name=genre][value='{genre}']")
    if kids:
        await page.check("#kids")
    await page.click("#person button[type=submit]")
    await page.wait_for_selector("#rows section")
    await until(page, "document.querySelector('#stamp').textContent.includes('as of event')")
    return (await page.inner_text("#who")).split(" ")[0]


async def rows(page: Page) -> dict[str, list[str]]:
    """Ids of items by row."""
    found: dict[str, list[str]] = await page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('#rows > section')].map(
            (row) => [row.dataset.row, [...row.querySelectorAll('[data-item]')].map((one) => one.dataset.item)]))"""
    )
    return found


async def do(page: Page, act: str) -> float:
    """Clicks in the dialog and waits until the rows reflect it; milliseconds from click to changed rows."""
    before = await page.evaluate("window.freshet.changes.length")
    await page.click(f"[data-act={act}]")
    await until(page, f"window.freshet.changes.length > {before}")
    return float(await page.evaluate("window.freshet.changes.at(-1)"))


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


async def accessible(page: Page) -> None:
    """axe finds nothing wrong."""
    found = await Axe().run(page)
    assert found.violations_count == 0, json.dumps(found.response["violations"], indent=1)[:4000]


async def test_a_day_at_the_shop(address: str, chromium: Browser) -> None:
    page, wrong = await new_page(chromium, address, viewport={"width": 1100, "height": 800})
    await accessible(page)
    user_id = await create(page, "Comedy", "Crime")
    begun = await rows(page)
    await accessible(page)
    took_ms = []
    played = []
    for _ in range(3):
        button = page.locator("#rows [data-item]").nth(len(played))
        played.append(await button.get_attribute("data-item"))
        title = await button.locator(".title").inner_text()
        await button.click()
        took_ms += [await do(page, "play"), await do(page, "finish")]
        if len(played) == 1:
            await page.wait_for_selector("#similar [data-item]")
            await accessible(page)
            await picture(page, "item")
        await page.click("#close-item")
    after = await rows(page)
    assert after != begun
    assert title in await page.inner_text("#rows"), "no row says that it is because of what was watched last"
    await picture(page, "rows")
    for _ in range(max(0, CLICKS - len(took_ms))):
        await page.locator("#rows [data-item]").first.click()
        took_ms.append(await do(page, "like"))
        await page.click("#close-item")

    hidden = await page.locator("#rows [data-item]").nth(1).get_attribute("data-item")
    assert hidden is not None
    await page.locator(f"#rows [data-item='{hidden}']").first.click()
    took_ms.append(await do(page, "hide"))
    await page.click("#close-item")
    assert all(hidden not in items for items in (await rows(page)).values())
    config = await page.evaluate("fetch('/config.json').then((answer) => answer.json())")
    near = next(one for one in played if one)
    async with httpx.AsyncClient(base_url=config["endpoint"]) as client:
        for path in _every_list(user_id, near):
            await eventually(f"{path} has it no more", _without(client, path, hidden))
    print(f"click to changed rows: p50 {statistics.median(took_ms):.0f} ms, p99 {_p99(took_ms):.0f} ms, {len(took_ms)}")
    assert not wrong


async def test_a_child_sees_nothing_unsuitable_and_a_phone_shows_it(address: str, chromium: Browser) -> None:
    page, wrong = await new_page(chromium, address, viewport=PHONE, has_touch=True)
    user_id = await create(page, "Animation", kids=True)
    await accessible(page)
    await picture(page, "phone")
    wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide, "the page is wider than the phone"
    config = await page.evaluate("fetch('/config.json').then((answer) => answer.json())")
    some = (await page.locator("#rows [data-item]").first.get_attribute("data-item")) or ""
    async with httpx.AsyncClient(base_url=config["endpoint"]) as client:
        seen: set[str] = set()
        for path in _every_list(user_id, some):
            seen |= _ids(await _answer(client, path))
        assert len(seen) > 20
        for item_id in seen:
            item = await _answer(client, f"/api/v1/items/{item_id}?user_id={user_id}&fields=maturity")
            assert maturity_age(item["maturity"]) <= 7, item
    assert not wrong


async def test_it_works_with_a_keyboard_and_operators_lose_nothing(address: str, chromium: Browser) -> None:
    page, wrong = await new_page(chromium, address, viewport={"width": 1100, "height": 800})
    await page.focus("#person button[type=submit]")
    await page.keyboard.press("Enter")
    await until(page, "document.querySelector('#stamp').textContent.includes('as of event')")
    await page.focus("#rows [data-item]")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("dialog[open]")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("dialog", state="hidden")
    await page.focus("summary")
    await page.keyboard.press("Enter")
    await until(page, f"{figure('folded')} > 0")
    await page.click("[data-operate=kill-worker]")
    await until(page, "document.querySelector('#said').textContent.startsWith('kill -9')")
    await until(page, f"{figure('restarts')} >= 1")
    in_log = int(await page.evaluate(figure("in_log")))
    await until(page, f"{figure('folded')} > {in_log}")  # all of before, and more
    await page.click("[data-operate=rollback]")
    await until(page, "document.querySelector('#said').textContent.startsWith('freshet rollback')")
    await accessible(page)
    await picture(page, "operators")
    assert not wrong


def _every_list(user_id: str, item_id: str) -> list[str]:
    asked = f"user_id={user_id}"
    return [
        *(
            f"/api/v1/recommendations?{asked}&context={context}&limit=100"
            for context in ("homepage", "post_play", "search")
        ),
        f"/api/v1/recommendations/homepage/{user_id}?limit=100",
        f"/api/v1/items/{item_id}/similar?{asked}&limit=100",
        f"/api/v1/trending?{asked}&limit=100",
        f"/api/v1/users/{user_id}/continue-watching?limit=100",
    ]


async def _answer(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 200, f"{path}: {answer.text}"
    body: dict[str, Any] = answer.json()
    return body


def _ids(body: dict[str, Any]) -> set[str]:
    rows = [body, *body.get("sections", ())]
    names = ("recommendations", "items", "similar_items")
    return {item["item_id"] for row in rows for name in names for item in row.get(name, ())}


def _without(client: httpx.AsyncClient, path: str, item_id: str) -> Callable[[], Awaitable[bool]]:
    async def is_gone() -> bool:
        return item_id not in _ids(await _answer(client, path))

    return is_gone


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
