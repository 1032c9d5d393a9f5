"""What facts mean, without a server: each kind of check has its faults here."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from ops.configuration.settings import Settings
from ops.operator.doctor.disk import disk_finding
from ops.operator.doctor.finding import HealthFinding
from ops.operator.doctor.kafka_acls import acl_findings
from ops.operator.doctor.kafka_facts import Acl, Disk, KafkaFacts
from ops.operator.doctor.kafka_records import RecordFacts, record_findings
from ops.operator.doctor.kafka_servers import server_findings
from ops.operator.doctor.kafka_topics import topic_findings
from ops.operator.doctor.machine import machine_findings
from streams.kafka.roles import Role, grants
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import SettingDifference, TopicsInspection

GIB = 2**30
NOW_MS = 1_790_000_000_000
TOPICS = Topics("t", "v1")
FACTS = KafkaFacts(
    TopicsInspection(3, (), (), (), ()), 25, False, (), (Disk(1, "/data", 50 * GIB, 100 * GIB),), NOW_MS - 40, NOW_MS
)


def states(findings: Iterable[HealthFinding]) -> dict[str, str]:
    found = list(findings)
    assert all(finding.advice for finding in found if finding.state != "good"), found
    return {finding.about: finding.state for finding in found}


@pytest.mark.parametrize(
    ("facts", "about", "state"),
    [
        (FACTS, "kafka version", "good"),
        (replace(FACTS, metadata_version=6), "kafka version", "warning"),
        (replace(FACTS, metadata_version=None), "kafka version", "warning"),
        (FACTS, "kafka clock", "good"),
        (replace(FACTS, newest_ms=None), "kafka clock", "good"),
        (replace(FACTS, newest_ms=NOW_MS + 4_000), "kafka clock", "good"),
        (replace(FACTS, newest_ms=NOW_MS + 60_000), "kafka clock", "warning"),
        (FACTS, "kafka disk", "good"),
        (replace(FACTS, disks=None), "kafka disk", "warning"),
        (replace(FACTS, disks=(Disk(1, "/data", 10 * GIB, 100 * GIB),)), "kafka disk", "warning"),
        (replace(FACTS, disks=(Disk(1, "/data", 1 * GIB, 100 * GIB),)), "kafka disk", "wrong"),
    ],
)
def test_brokers(facts: KafkaFacts, about: str, state: str) -> None:
    assert states(server_findings(facts))[about] == state


def test_a_disk_that_is_not_told_is_no_finding() -> None:
    assert "kafka disk" not in states(server_findings(replace(FACTS, disks=(Disk(1, "/data", None, None),))))


@pytest.mark.parametrize(
    ("free", "state"), [(100, "good"), (15, "good"), (14, "warning"), (5, "warning"), (4, "wrong")]
)
def test_a_disk(free: int, state: str) -> None:
    assert disk_finding("disk", "/data", free, 100, "make room").state == state


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("partitions", "FRESHET_PARTITIONS"),
        ("replication", "FRESHET_REPLICATION"),
        ("retention.ms", "FRESHET_RETENTION_DAYS"),
        ("message.timestamp.type", "times of producers' clocks"),
        ("min.insync.replicas", "--entity-name t.x --add-config min.insync.replicas=wanted"),
    ],
)
def test_a_topic_that_differs_says_how_to_mend_it(setting: str, advice: str) -> None:
    seen = TopicsInspection(3, (), (), (), (SettingDifference("t.x", setting, "wanted", "found"),))
    (finding,) = [one for one in topic_findings(seen, Settings()) if one.about == "topics"]
    assert finding.state == "wrong"
    assert f"{setting} is found, should be wanted" in finding.found
    assert advice in finding.advice


# -- ACLs -------------------------------------------------------------------------------------------------------------


def granted(role: Role) -> list[Acl]:
    return [
        Acl(f"User:{role}", grant.resource, grant.name, grant.prefixed, operation)
        for grant in grants(role, TOPICS)
        for operation in grant.operations
    ]


ALL = [acl for role in Role for acl in granted(role)]


def of_roles(acls: list[Acl]) -> dict[str, HealthFinding]:
    findings = list(acl_findings(True, acls, TOPICS, local=False))
    assert all(finding.advice for finding in findings if finding.state != "good")
    return {finding.found.partition(":")[0]: finding for finding in findings}


def test_who_may_do_what_a_role_must_is_named() -> None:
    found = of_roles(ALL)
    assert {role: found[role].state for role in Role} == dict.fromkeys(Role, "good")
    assert "User:sink" in found[Role.SINK].found


@pytest.mark.parametrize("role", Role)
def test_each_right_that_lacks_is_named(role: Role) -> None:
    own = granted(role)
    for gone in own:
        finding = of_roles([acl for acl in own if acl != gone])[role]
        implied = gone.operation == "Describe" and any(
            acl.name == gone.name and acl.operation in ("Read", "Write") for acl in own
        )
        assert finding.state == ("good" if implied else "warning")
        lacks = f"{gone.operation} on {gone.resource} {gone.name}" if len(own) > 1 else "nobody may do this work"
        assert implied or lacks in finding.found


def test_a_right_that_is_denied_lacks() -> None:
    denied = Acl("User:endpoint", "topic", TOPICS.served, False, "Write", allows=False)
    finding = of_roles([*granted(Role.ENDPOINT), denied])[Role.ENDPOINT]
    assert finding.state == "warning"
    assert f"User:endpoint lacks Write on topic {TOPICS.served}" in finding.found


def test_wider_rights_will_do() -> None:
    resources = ("topic", "group", "transactional-id", "cluster")
    wide = [Acl("User:all", resource, "*", False, "All") for resource in resources]
    assert {role: of_roles(wide)[role].state for role in Role} == dict.fromkeys(Role, "good")
    prefixed = [Acl("User:p", "topic", "t.", True, "Write")]
    assert of_roles(prefixed)[Role.PRODUCER].found == "producer: User:p"


def test_of_another_namespace_is_of_none() -> None:
    other = [Acl("User:p", "topic", acl.name.replace("t.", "u."), False, "Write") for acl in granted(Role.PRODUCER)]
    assert of_roles(other)[Role.PRODUCER].found == "producer: nobody may do this work"


def test_what_everybody_may_is_wrong() -> None:
    everybody = [Acl("User:*", "topic", TOPICS.versions, False, "Write")]
    (wrong,) = [one for one in acl_findings(True, ALL + everybody, TOPICS, local=False) if one.state == "wrong"]
    assert TOPICS.versions in wrong.found


@pytest.mark.parametrize(
    ("authorizes", "local", "state"), [(False, True, "good"), (False, False, "warning"), (None, False, "warning")]
)
def test_without_an_authorizer(authorizes: bool | None, local: bool, state: str) -> None:
    assert states(acl_findings(authorizes, (), TOPICS, local)) == {"acls": state}


# -- this machine -----------------------------------------------------------------------------------------------------


def test_a_state_folder(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "not" / "there" / "yet"):
        found = list(machine_findings(Settings(state_dir=folder)))
        assert found[0].state == "good"
        assert "GiB are free" in found[1].found
    assert not any(tmp_path.iterdir())


def test_a_state_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (found,) = machine_findings(Settings(state_dir=tmp_path / "file" / "state"))
    assert (found.state, "FRESHET_STATE_DIR=" in found.found) == ("wrong", True)


def test_misplaced_profiles_and_unreadable_rules_are_wrong() -> None:
    assert states(record_findings(RecordFacts(0, ()))) == {"profiles": "good", "rules": "good"}
    found = {finding.about: finding for finding in record_findings(RecordFacts(3, ("halloween",)))}
    assert {finding.state for finding in found.values()} == {"wrong"}
    assert "3 users" in found["profiles"].found
    assert "halloween" in found["rules"].found
