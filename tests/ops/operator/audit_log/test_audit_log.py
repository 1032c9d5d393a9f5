"""What is noted of a command, and how it is read."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from ops.configuration.settings import Settings
from ops.operator.audit_log import write
from ops.operator.audit_log.read import AuditBook
from ops.operator.audit_log.write import AuditedCommand, NotAudited, NotAuditedNow, kafka_user
from streams.contract.audit import CommandBegun, CommandEnded, decode, encode
from streams.contract.identities import Identities
from streams.kafka.address import KafkaSecurity
from streams.kafka.errors import KafkaUnreachable, PublishError
from streams.kafka.oauth import OAuthClient, TokenSource
from streams.kafka.producer import OutgoingRecord

SECRET = "0123456789abcdef0123456789abcdef"


class Log:
    """In Kafka's place: keeps what is published, or fails."""

    def __init__(self) -> None:
        self.records: list[OutgoingRecord] = []
        self.failure: Exception | None = None

    def __call__(self, _address: str, **_options: Any) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to end."""

    async def publish(self, record: OutgoingRecord) -> None:
        if self.failure is not None:
            raise self.failure
        self.records.append(record)

    def said(self) -> list[Any]:
        return [decode(record.value) for record in self.records]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    made = Log()
    monkeypatch.setattr(write, "Producer", made)
    return made


def noting(arguments: dict[str, object], **settings: Any) -> AuditedCommand:
    return AuditedCommand(Settings(**settings), "erase", arguments, frozenset({"user_id"}))


def test_a_hashed_user_is_noted_by_the_stored_id_only(log: Log) -> None:
    noted = noting({"user_id": "u17", "verify": False, "wait_s": 30.0}, user_id_secret=SECRET, namespace="shop")
    noted.begin()
    noted.end(2, "user u17 is unknown")
    stored = Identities(SECRET.encode()).of("u17")
    begun, ended = log.said()
    assert begun.arguments == {"user_id": stored, "wait_s": "30.0"}
    assert (ended.result, ended.detail) == ("refused", f"user {stored} is unknown")
    assert ended.command_id == begun.command_id
    assert {record.topic for record in log.records} == {"shop.freshet.audit"}
    assert not any(b"u17" in (record.value or b"") for record in log.records)


def test_a_user_without_hashing_is_masked(log: Log) -> None:
    noting({"user_id": "u17"}).begin()
    assert log.said()[0].arguments == {"user_id": "********"}


def test_who_is_the_setting_or_the_user_of_the_machine(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    noting({}, operator="ana").begin()
    monkeypatch.setattr("getpass.getuser", lambda: "ben")
    monkeypatch.setattr("socket.gethostname", lambda: "desk")
    noting({}).begin()

    def nameless() -> str:
        raise KeyError("uid not found: 10001")

    monkeypatch.setattr("getpass.getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 10001)
    noting({}).begin()
    assert [record.who for record in log.said()] == ["ana", "ben@desk", "uid10001@desk"]


def test_a_command_that_cannot_be_noted_is_refused(log: Log) -> None:
    log.failure = PublishError("topic freshet.audit does not exist")
    with pytest.raises(NotAudited, match=r"nothing was done.*freshet topics create") as refusal:
        noting({}).begin()
    assert refusal.value.code == 2
    log.failure = KafkaUnreachable("no Kafka broker answered")
    with pytest.raises(NotAuditedNow, match="nothing was done") as away:
        noting({}).begin()
    assert away.value.code == 3


def test_the_user_of_kafka(tmp_path: Path) -> None:
    tokens = TokenSource(OAuthClient("http://127.0.0.1:1/token", "robot", "secret"))
    assert kafka_user(KafkaSecurity("SASL_SSL", "OAUTHBEARER", tokens=tokens)) == "robot"
    assert kafka_user(KafkaSecurity("SASL_SSL", "PLAIN", "ana", "secret")) == "ana"
    assert kafka_user(KafkaSecurity("SSL", ca_file=tmp_path / "ca.pem")) == ""
    assert kafka_user(KafkaSecurity()) == ""


def test_a_certificate_names_its_subject(tmp_path: Path) -> None:
    from harness.certificates import Authority

    authority = Authority(tmp_path)
    security = KafkaSecurity("SSL", ca_file=authority.file, cert_file=authority.client("ana"))
    assert kafka_user(security) == "CN=ana"


def test_the_first_record_of_each_kind_counts() -> None:
    book = AuditBook()
    begun = CommandBegun("c1", "erase", {}, "ana", "", "v1", "0.2.0")
    records = [
        CommandEnded("c1", "done", 0),  # before its beginning: belongs to nothing
        begun,
        CommandBegun("c1", "rollback", {}, "eve", "", "v1", "0.2.0"),
        CommandEnded("c1", "check_failed", 1),
        CommandEnded("c1", "done", 0),
    ]
    for at_ms, record in enumerate(records, 1):
        book.apply(encode(record)[1], at_ms)
    (run,) = book.by_id.values()
    assert (run.begun, run.begun_ms, run.ended, run.ended_ms) == (begun, 2, CommandEnded("c1", "check_failed", 1), 4)
