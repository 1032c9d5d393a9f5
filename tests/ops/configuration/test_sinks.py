"""Where sinks write, as the settings say it, and what is never shown."""

import pytest

from ops.configuration import sinks
from ops.configuration.settings import Settings
from ops.configuration.settings_sources import effective
from ops.configuration.settings_text import MASK
from ops.local_stack import clickhouse_server
from ops.local_stack.configured import ConfiguredServers, local_stores
from ops.local_stack.errors import StackError


def test_the_database_is_the_namespaces_own() -> None:
    address = sinks.clickhouse_address(Settings(namespace="demo-1"))
    assert (address.host, address.port, address.database) == ("127.0.0.1", 29000, "freshet_demo_1")
    named = sinks.clickhouse_address(Settings(namespace="demo-1", clickhouse_url="clickhouse://h/other"))
    assert (named.port, named.database) == (9000, "other")
    secure = sinks.clickhouse_address(Settings(clickhouse_url="clickhouses://u@h"))
    assert (secure.port, secure.user, secure.secure) == (9440, "u", True)


def test_passwords_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHET_CLICKHOUSE_URL", "clickhouse://reader:hunter2@store:9000/freshet")
    monkeypatch.setenv("FRESHET_CLICKHOUSE_PASSWORD", "hunter3")
    settings = Settings()
    shown = {one.name: one.value for one in effective(settings)}
    assert shown["clickhouse_url"] == f"clickhouse://{MASK}@store:9000/freshet"
    assert "hunter" not in repr(settings) + str(shown) + str(sinks.clickhouse_address(settings))
    assert "hunter" not in repr(sinks.clickhouse_address(settings))
    assert sinks.clickhouse_address(settings).password == "hunter2"
    bare = Settings(clickhouse_url="clickhouse://store")
    assert sinks.clickhouse_address(bare).password == "hunter3"


def test_passwords_of_cassandra_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHET_CASSANDRA_URL", "cassandras://reader:hunter2@c1,c2:9142/ours")
    monkeypatch.setenv("FRESHET_CASSANDRA_PASSWORD", "hunter3")
    settings = Settings()
    address = sinks.cassandra_address(settings)
    assert (address.hosts, address.port, address.keyspace, address.secure) == (("c1", "c2"), 9142, "ours", True)
    assert (address.user, address.password) == ("reader", "hunter2")
    shown = {one.name: one.value for one in effective(settings)}
    assert shown["cassandra_url"] == f"cassandras://{MASK}@c1,c2:9142/ours"
    assert "hunter" not in repr(settings) + str(shown) + str(address) + repr(address)
    assert sinks.cassandra_address(Settings(cassandra_url="cassandra://r@h")).password == "hunter3"


@pytest.mark.parametrize(
    "url", ["http://h", "clickhouse://h/a-b", "clickhouse://h?x=1", "clickhouses://h?ca_certs=/none"]
)
def test_a_wrong_address_is_refused_with_the_reason(url: str) -> None:
    with pytest.raises(ValueError, match=r"neither clickhouse|letters, digits|unknown options|No such file"):
        Settings(clickhouse_url=url)


def test_without_the_client_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "find_spec", lambda _: None)
    for make in (*sinks.SINKS.values(), *sinks.SCHEMAS.values()):
        with pytest.raises(sinks.ClientMissing, match="freshet"):
            make(Settings())


def test_only_a_plain_local_store_is_started_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_stores(Settings()).keys() == {"cassandra", "clickhouse"}
    assert local_stores(Settings(clickhouse_url="clickhouse://store")).keys() == {"cassandra"}
    assert local_stores(Settings(cassandra_url="cassandra://127.0.0.1,c2")).keys() == {"clickhouse"}
    with pytest.raises(StackError, match="oracle is not started here"):
        ConfiguredServers(Settings()).up(["oracle"])
    monkeypatch.setattr(clickhouse_server, "clickhouse_command", lambda: None)
    with pytest.raises(StackError, match="apt install clickhouse-server"):
        local_stores(Settings())["clickhouse"].prepare()
