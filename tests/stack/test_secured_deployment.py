"""A deployment in which everything is secured: Kafka by SASL over TLS with ACLs, a Redis Cluster by TLS and ACLs, and
an endpoint that speaks HTTPS with tokens. Each process has the rights of its role and no others; events go in, lists
come out.

TLS of each node is ended by a proxy whose port the node announces, because the Valkey of the tests is built without.
"""

import asyncio
import json
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import redis
from harness.certificates import Authority
from harness.commands import Done, freshet
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess, Workers
from harness.secured_kafka import SecuredKafka, password_of
from harness.tls_front import tls_front
from harness.traffic import catalogue, event_record
from harness.valkey_nodes import PRIMARIES, free_ports, valkey_cluster

from ops.exit_codes import ExitCode
from ops.local_stack.ports import free_port
from streams.kafka.bulk_read import read_topics
from streams.kafka.producer import Producer
from streams.kafka.roles import Role
from streams.kafka.topics import Topics
from streams.sinks.config import SinkConfig
from streams.sinks.runner import SinkRunner
from streams.sinks.sink import Block, Erasure, StoreRow

pytestmark = pytest.mark.stack

TOKEN_SECRET = "a token secret of thirty-two characters or more"
LISTS = "/api/v1/recommendations"
PARTITIONS = 2


class Deployment:
    """`redis_ports` speak TLS; `folder` holds a folder for each role."""

    def __init__(self, kafka: SecuredKafka, redis_ports: Sequence[int], authority: Authority, folder: Path) -> None:
        self.kafka = kafka
        self.topics = Topics(f"secured-{secrets.token_hex(3)}", "v1")
        self.authority = authority
        self.folder = folder
        self.endpoint_port = free_port()
        self.processes = Workers()
        self.said: list[str] = []  # by commands
        self._redis = ",".join(f"127.0.0.1:{port}" for port in redis_ports)

    def environment(self, role: Role) -> dict[str, str]:
        """FRESHET_* of a process; secrets are in files, as orchestrators mount them."""
        folder = self.folder / role
        folder.mkdir(exist_ok=True)
        given = self.kafka.environment(role)
        secret_values = {
            "FRESHET_KAFKA_SASL_PASSWORD": given.pop("FRESHET_KAFKA_SASL_PASSWORD"),
            "FRESHET_REDIS_URL": f"rediss+cluster://{role}:{password_of(role)}@{self._redis}"
            f"?ssl_ca_certs={self.authority.file}",
        }
        for name, value in secret_values.items():
            (folder / name).write_text(value + "\n")
            given[f"{name}_FILE"] = str(folder / name)
        (folder / "token-secret").write_text(TOKEN_SECRET)
        return given | {
            "FRESHET_NAMESPACE": self.topics.namespace,
            "FRESHET_PARTITIONS": str(PARTITIONS),
            "FRESHET_STATE_DIR": str(folder),
            "FRESHET_LOG_LEVEL": "DEBUG",  # whatever may be said is looked at for secrets
            "FRESHET_ENDPOINT_PORT": str(self.endpoint_port),
            "FRESHET_ENDPOINT_SECURITY": "on",
            "FRESHET_ENDPOINT_JWT_KEY_FILE": str(folder / "token-secret"),
            "FRESHET_ENDPOINT_TLS_CERT_FILE": str(self.folder / "https.pem"),
        }

    def start(self, role: Role, command: str) -> WorkerProcess:
        """A process of a role."""
        made = WorkerProcess(role, [str(FRESHET), command], self.environment(role), self.folder)
        return self.processes.add(made)

    async def operator(self, *arguments: str) -> Done:
        """What an operator types."""
        done = await freshet(*arguments, environment=self.environment(Role.OPERATOR), folder=self.folder)
        self.said += [done.stdout, done.stderr]
        return done

    def client(self, **claims: object) -> httpx.AsyncClient:
        """Of who holds a token with these claims."""
        token = jwt.encode({"exp": time.time() + 600, **claims}, TOKEN_SECRET, "HS256")
        return httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{self.endpoint_port}",
            verify=ssl.create_default_context(cafile=self.authority.file),
            headers={"authorization": f"Bearer {token}"},
        )


def add_redis_users(url: str, namespace: str) -> None:
    """As docs/security.md says."""
    rules = {
        Role.WORKER: "+@all -@dangerous",
        Role.ENDPOINT: "+ping +get +getrange +hmget +zrangebyscore +sscan +hscan +zadd +evalsha +script|load +select "
        "+asking +cluster|slots",
        Role.OPERATOR: "+@all -@dangerous +info +config|get",
    }
    with redis.Redis.from_url(url) as client:
        for role, allowed in rules.items():
            who = ("on", f">{password_of(role)}", f"~{namespace}:*")
            client.execute_command("ACL", "SETUSER", role, *who, *allowed.split())
        client.execute_command("ACL", "SETUSER", "default", "off")


@pytest.fixture
async def deployment(secured: SecuredKafka, tmp_path: Path) -> AsyncIterator[Deployment]:
    async with AsyncExitStack() as opened:
        authority = Authority(tmp_path / "authority")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.server())
        ports = free_ports(PRIMARIES)
        fronts = [await opened.enter_async_context(tls_front(port, context)) for port in ports]
        announced = dict(zip(ports, fronts, strict=True))
        nodes = opened.enter_context(
            valkey_cluster(tmp_path / "nodes", ports=ports, announced=announced, replicas=False)
        )
        made = Deployment(secured, fronts[:2], authority, tmp_path)
        (tmp_path / "https.pem").write_bytes(authority.server().read_bytes())
        for node in nodes.nodes:
            add_redis_users(f"redis://{node.server}", made.topics.namespace)
        for role in Role:
            secured.allow(role, made.topics)
        opened.push_async_callback(asyncio.to_thread, made.processes.end)
        yield made


class Kept:
    """A store that keeps what it is given in memory."""

    name = "memory"
    wants_served = True

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def prepare(self) -> None:
        """Nothing."""

    def rows(self, block: Block) -> list[StoreRow]:
        self.blocks.append(block)
        return []

    def write(self, rows: Any, name: str) -> None:
        """Nothing."""

    def erase(self, erasure: Erasure) -> None:
        """Nothing."""

    def count(self, erasure: Erasure) -> int:
        return 0

    def maintain(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    @property
    def users(self) -> set[str]:
        return {event.interaction.user_id for block in self.blocks for event in block.events}


async def test_events_in_lists_out(deployment: Deployment) -> None:
    topics, kafka = deployment.topics, deployment.kafka
    created = await deployment.operator("topics", "create")
    assert created.returncode == 0, created

    worker = deployment.start(Role.WORKER, "worker")
    endpoint = deployment.start(Role.ENDPOINT, "serve")
    async with Producer(kafka.signed(Role.PRODUCER)) as producer:
        await producer.publish_all(catalogue(topics.catalog))
        events = [event_record(topics.interactions, f"u{n % 9}", f"i{n % 23}", event_type="like") for n in range(200)]
        await producer.publish_all(events)

    store = Kept()
    sink = SinkRunner(SinkConfig(kafka.signed(Role.SINK), topics, flush_s=0.2), store)
    sinking = asyncio.create_task(sink.run())

    async with deployment.client(sub="u1") as user, deployment.client(sub="shop", scope="freshet:metrics") as scraper:

        async def personal() -> Mapping[str, Any] | None:
            deployment.processes.tend()
            try:
                answer = await user.get(LISTS, params={"user_id": "u1"})
            except httpx.TransportError:
                return None
            body = answer.json()
            return body if answer.status_code == 200 and body["source"] == "personal" else None

        async def said() -> int:
            return deployment.processes.log_bytes

        body = await eventually("a personal list over HTTPS", personal, progress=said)
        assert body["recommendations"]
        assert (await user.get(LISTS, params={"user_id": "u2"})).status_code == 403
        assert (await user.get("/metrics")).status_code == 403
        assert "freshet_endpoint" in (await scraper.get("/metrics")).text

        async def sunk() -> bool:
            assert not sinking.done(), sinking
            return "u1" in store.users and any(block.lists for block in store.blocks)

        await eventually("the sink has events and what was shown", sunk)
    sink.stop()
    await sinking

    async with httpx.AsyncClient() as plain:
        with pytest.raises(httpx.TransportError):
            await plain.get(f"http://127.0.0.1:{deployment.endpoint_port}/healthz")

    shown: list[bytes] = []
    await read_topics(kafka.signed(Role.OPERATOR), [topics.served], lambda record: shown.append(record.value))
    assert any(b'"u1"' in value for value in shown)

    commands = (
        "lag", "versions", "scale", "doctor", "acls", "config", "dlq list", "dlq redrive", "experiment list",
        "inspect user u1", "inspect item i1", "why u1 i1", "partition pause 0", "partition resume 0", "audit v1",
    )  # fmt: skip
    for command in commands:
        done = await deployment.operator(*command.split())
        assert done.returncode == ExitCode.OK, (command, done.stdout[-2000:], done.stderr[-2000:])
    lag = json.loads((await deployment.operator("lag", "--json")).stdout.splitlines()[-1])
    assert lag["workers"], lag

    erased = await deployment.operator("erase", "u1", "--json")
    assert erased.returncode == ExitCode.OK, (erased.stdout[-2000:], erased.stderr[-2000:])

    for process in (worker, endpoint):
        assert not process.exits, process.log_text
        assert await process.terminate() == 0, process.log_text
        assert "uthorization" not in process.log_text
    logs = [log.read_text(errors="replace") for log in deployment.folder.rglob("*.log")]
    assert len(logs) >= 2
    secret_values = [TOKEN_SECRET, *map(password_of, Role)]
    assert not [value for value in secret_values for text in [*logs, *deployment.said] if value in text]
