"""No client of Kafka is made anywhere but where it is secured: a scan of all our sources."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = ("streams", "tables", "ranking", "serving", "agents", "offline", "ops")
#: Where clients are made, and where a broker is asked why it refuses.
ALLOWED = {
    "streams/kafka/clients.py",
    "streams/kafka/blocking_admin.py",
    "streams/kafka/refusal.py",
}
CLIENTS = {
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "AIOKafkaAdminClient",
    "AIOKafkaClient",
    "AIOKafkaConnection",
    "create_conn",
    "KafkaAdminClient",
    "KafkaConsumer",
    "KafkaProducer",
    "KafkaClient",
}
#: The setting without what secures it: where it is shown, or read out of text.
ADDRESS_ALONE = {
    "ops/configuration/settings.py",
    "ops/local_stack/configured.py",
}


def sources() -> list[Path]:
    return [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]


def made_clients(tree: ast.AST) -> set[str]:
    """Names of clients that are called or inherited from."""
    used = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    used += [base for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases]
    names = {node.id if isinstance(node, ast.Name) else getattr(node, "attr", "") for node in used}
    return names & CLIENTS


def places(condition: str) -> set[str]:
    return {str(file.relative_to(ROOT)) for file in sources() if condition in file.read_text()}


def test_clients_are_made_in_one_place() -> None:
    found = {
        str(file.relative_to(ROOT)): made for file in sources() if (made := made_clients(ast.parse(file.read_text())))
    }
    assert found.keys() == ALLOWED, found


def test_nobody_else_says_where_servers_are() -> None:
    assert places("bootstrap_servers") <= {*ALLOWED, "streams/kafka/client_arguments.py"}


def test_nobody_takes_the_address_without_its_security() -> None:
    assert places("settings.kafka_bootstrap") | places("self.kafka_bootstrap") == ADDRESS_ALONE


@pytest.mark.parametrize(
    "source", ["AIOKafkaProducer(x=1)", "aiokafka.AIOKafkaConsumer()", "class A(admin.AIOKafkaAdminClient): pass"]
)
def test_the_scan_sees_them(source: str) -> None:
    assert made_clients(ast.parse(source))
