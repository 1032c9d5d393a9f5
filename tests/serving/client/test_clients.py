"""The clients in Python and TypeScript, against a real endpoint and collect, and beside the documents."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import patience
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess, Workers
from listed import CardWriter

from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from serving.client import AsyncClient, Client, NotConfirmed, RequestRefused, generate
from serving.client.sending import ATTEMPTS, Sending
from serving.keys import Keys
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import delete_namespace, ensure_topics

from ..endpoint.test_reads import put_popular

NAMESPACE = "test-clients"
ROOT = Path(__file__).parents[3]
TSC = shutil.which("tsc") or shutil.which(str(ROOT / "build/tools/node_modules/.bin/tsc"))
STRICT = "--strict --noUnusedLocals --noUncheckedIndexedAccess --exactOptionalPropertyTypes"
HOW = "--target es2022 --module es2022 --moduleResolution bundler --lib es2022,dom,dom.iterable"
needs_tsc = pytest.mark.skipif(TSC is None or shutil.which("node") is None, reason="no Node with tsc on this machine")


def event(**more: Any) -> dict[str, Any]:
    return {"event_type": "click", "user_id": "u", "item_id": "a", "timestamp": time.time_ns() // 1_000_000, **more}


@pytest.fixture(scope="module")
def addresses(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Of an endpoint that has something to show, and of collect."""
    folder, processes, ports = tmp_path_factory.mktemp("clients"), Workers(), (free_port(), free_port())
    environment = {
        "FRESHET_NAMESPACE": NAMESPACE,
        "FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap,
        "FRESHET_REDIS_URL": stack.redis_url,
        "FRESHET_STATE_DIR": str(folder),
        "FRESHET_ENDPOINT_PORT": str(ports[0]),
        "FRESHET_COLLECT_PORT": str(ports[1]),
    }
    ensure_topics(stack.bootstrap, Topics(NAMESPACE, "v1"), 4, replication=1, timeout_s=60)
    found = [f"http://127.0.0.1:{port}" for port in ports]
    for name in ("serve", "collect"):
        processes.add(WorkerProcess(name, [str(FRESHET), name], environment, folder))
    asyncio.run(_ready(stack.redis_url, found))
    yield found[0], found[1]
    processes.end()
    delete_namespace(stack.bootstrap, NAMESPACE)


async def _ready(redis_url: str, addresses: list[str]) -> None:
    writer = CardWriter.connect(redis_url, Keys(NAMESPACE, "v1"))
    await put_popular(writer, "a", "b", "c")
    await writer.close()
    async with httpx.AsyncClient() as client:

        async def all_ready() -> bool:
            try:
                return all([(await client.get(f"{one}/readyz")).status_code == 200 for one in addresses])
            except httpx.TransportError:
                return False

        await eventually("both are ready", all_ready)


@pytest.mark.stack
def test_lists_and_events_in_python(addresses: tuple[str, str]) -> None:
    with Client(*addresses) as freshet:
        shown = freshet.recommendations(user_id="u", limit=2)
        assert [item["item_id"] for item in shown["recommendations"]] == ["a", "b"]
        assert freshet.homepage(user_id="u / ü")["user_id"] == "u / ü"
        assert freshet.similar(item_id="a", user_id="u")["item_id"] == "a"
        assert freshet.trending(window="7d")["window"] == "7d"
        assert freshet.continue_watching(user_id="u")["items"] == []
        first, second = freshet.events([event(), event(event_id="mine")])
        assert len(first) == 32
        assert second == "mine"
        timeless = event()
        del timeless["timestamp"]
        assert len(freshet.track([timeless])) == 1
        with pytest.raises(RequestRefused) as refused:
            freshet.events([event(rating=9)])
        assert refused.value.status == 422
        assert refused.value.members["rejected"][0]["reason"] == "out_of_range"
        with pytest.raises(RequestRefused, match="400"):
            freshet.recommendations(user_id="u", limit=500)


@pytest.mark.stack
async def test_the_same_to_be_awaited(addresses: tuple[str, str]) -> None:
    async with AsyncClient(*addresses) as freshet:
        shown = await freshet.recommendations(user_id="u")
        assert shown["source"] == "popular"
        assert len(await freshet.events([event(), event()])) == 2


def test_without_an_address_of_collect_it_says_so() -> None:
    with Client("http://127.0.0.1:1") as freshet, pytest.raises(ValueError, match="collect"):
        freshet.events([event()])


def test_what_is_not_confirmed_is_sent_again_under_its_ids() -> None:
    sending = Sending([event(event_id="a"), event(event_id="b"), event(event_id="c")])
    assert sending.answered(503, {"unconfirmed": {"0": "a", "2": "c"}}, "7") == 7.0
    assert [one["event_id"] for one in sending.waiting] == ["a", "c"]
    assert sending.answered(503, {"unconfirmed": {"1": "c"}}, None) == 1.0
    assert [one["event_id"] for one in sending.waiting] == ["c"]
    assert sending.answered(202, {"accepted": 1}, None) is None
    assert sending.event_ids == ["a", "b", "c"]


def test_it_gives_up_with_what_is_left() -> None:
    sending = Sending([event(event_id="a")])
    for _ in range(ATTEMPTS - 1):
        assert sending.answered(503, {"unconfirmed": {"0": "a"}}, "0") == 0.0
    with pytest.raises(NotConfirmed) as left:
        sending.answered(503, {"unconfirmed": {"0": "a"}}, "0")
    assert [one["event_id"] for one in left.value.events] == ["a"]


def test_what_is_checked_in_is_what_the_documents_say(tmp_path: Path) -> None:
    ruff = str(Path(FRESHET).with_name("ruff"))
    for file, text in generate.files().items():
        made = tmp_path / file.name
        made.write_text(text)
        if made.suffix == ".py":
            subprocess.run([ruff, "format", "--quiet", "--config", str(ROOT / "pyproject.toml"), str(made)], check=True)
        assert made.read_text() == file.read_text(), f"{file.name} is not what `make docs` makes"


@needs_tsc
@pytest.mark.stack
def test_lists_and_events_in_typescript(addresses: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "use.ts").write_text(
        """
        import { Freshet, RequestRefused } from "./freshet";
        const freshet = new Freshet({ endpoint: ENDPOINT, collect: COLLECT });
        const shown = await freshet.recommendations({ user_id: "u", limit: 2 });
        const near = await freshet.similar({ item_id: "a", user_id: "u" });
        const ids = await freshet.events([
          { event_type: "play", user_id: "u", item_id: shown.recommendations[0]!.item_id, timestamp: Date.now() },
          { event_type: "like", user_id: "u", item_id: "b", timestamp: Date.now(), event_id: "mine" },
        ]);
        const tracked = await freshet.track([{ event_type: "search", user_id: "u", query: "film" }]);
        let status = 0;
        try {
          await freshet.events([{ event_type: "play", user_id: "u", item_id: "a", timestamp: 1 }]);
        } catch (problem) {
          status = problem instanceof RequestRefused ? problem.status : -1;
        }
        const first = shown.recommendations.map((one) => one.item_id);
        console.log(JSON.stringify([first, near.item_id, ids, tracked.length, status]));
        """.replace("ENDPOINT", json.dumps(addresses[0])).replace("COLLECT", json.dumps(addresses[1]))
    )
    (tmp_path / "freshet.ts").write_text(generate.TYPESCRIPT.read_text())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    assert TSC is not None
    checked = patience.run([TSC, *STRICT.split(), *HOW.split(), "--outDir", ".", "use.ts"], cwd=tmp_path, limit_s=120)
    assert checked.returncode == 0, checked.stdout
    made = tmp_path / "use.js"
    made.write_text(made.read_text().replace('"./freshet"', '"./freshet.js"'))
    done = patience.run(["node", "use.js"], cwd=tmp_path, limit_s=60)
    assert done.returncode == 0, done.stderr
    shown, near, ids, tracked, status = json.loads(done.stdout)
    assert (shown, near, ids[1], tracked, status) == (["a", "b"], "a", "mine", 1, 422)
    assert len(ids[0]) == 36


@needs_tsc
def test_a_mistake_is_seen_by_the_type_checker(tmp_path: Path) -> None:
    (tmp_path / "freshet.ts").write_text(generate.TYPESCRIPT.read_text())
    (tmp_path / "use.ts").write_text(
        'import { Freshet } from "./freshet";\n'
        'await new Freshet({ endpoint: "" }).recommendations({ user_id: "u", limit: "2" });\n'
    )
    assert TSC is not None
    checked = patience.run([TSC, *STRICT.split(), *HOW.split(), "--noEmit", "use.ts"], cwd=tmp_path, limit_s=120)
    assert "use.ts(2," in checked.stdout
