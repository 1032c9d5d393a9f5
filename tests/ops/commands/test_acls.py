"""`freshet acls`: the list as people, programs and Kafka's own tool read it."""

import json
import shlex

import pytest
from typer.testing import CliRunner

from ops.cli import build_app
from streams.kafka.roles import Role, grants
from streams.kafka.topics import Topics


def printed(*arguments: str, environment: dict[str, str] | None = None) -> str:
    done = CliRunner().invoke(build_app(), ["acls", *arguments], env=environment or {})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_as_json_it_is_the_list() -> None:
    found = json.loads(printed("--json", environment={"FRESHET_NAMESPACE": "shop"}).splitlines()[-1])
    assert found.keys() == set(Role)
    for role in Role:
        wanted = [(grant.resource, grant.name, grant.prefixed) for grant in grants(role, Topics("shop"))]
        assert [(one["resource"], one["name"], one["prefixed"]) for one in found[role]["grants"]] == wanted
        assert found[role]["principal"] == f"User:freshet-{role}"


@pytest.mark.parametrize("role", Role)
def test_as_commands_each_grant_is_one(role: Role) -> None:
    lines = printed("--role", role, "--format", "kafka-acls", "--principal", "User:a b").splitlines()
    wanted = grants(role, Topics())
    assert len(lines) == len(wanted)
    for line, grant in zip(lines, wanted, strict=True):
        words = shlex.split(line)
        assert words[0] == "kafka-acls.sh"
        assert words[words.index("--allow-principal") + 1] == "User:a b"
        assert [words[place + 1] for place, word in enumerate(words) if word == "--operation"] == list(grant.operations)
        assert ("prefixed" in words) == grant.prefixed
        assert grant.resource == "cluster" or words[words.index(f"--{grant.resource}") + 1] == grant.name


def test_as_a_table_it_names_everything() -> None:
    table = printed("--role", "producer")
    assert all(grant.name in table for grant in grants(Role.PRODUCER, Topics()))
    assert "item.model" not in table


def test_the_list_does_not_depend_on_the_version_in_force() -> None:
    for role in Role:
        assert grants(role, Topics("n", "v1")) == grants(role, Topics("n", "another-2"))
