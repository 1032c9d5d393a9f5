"""Where Cassandra is, from one URL; whatever is wrong with it is said, and no password is."""

import pytest

from streams.sinks.cassandra.address import CassandraAddress


def test_everything_that_a_url_may_say() -> None:
    url = "cassandras://bob:p%40ss@c1,c2:9043/mine?ca_certs=/dev/null&datacenter=dc1"
    found = CassandraAddress.from_url(url, "demo", "other")
    assert found == CassandraAddress(("c1", "c2"), 9043, "mine", "bob", "p@ss", True, "/dev/null", "dc1")
    assert "p@ss" not in repr(found) + str(found)
    assert CassandraAddress.from_url("cassandra://bob@h", password="other").password == "other"


@pytest.mark.parametrize(
    ("namespace", "keyspace"),
    [("", "freshet"), ("Demo-1", "freshet_demo_1"), ("x" * 40, "freshet_" + "x" * 40)],
)
def test_a_namespace_has_a_keyspace_of_its_own(namespace: str, keyspace: str) -> None:
    assert CassandraAddress.from_url("cassandra://h", namespace).keyspace == keyspace


def test_long_namespaces_do_not_meet() -> None:
    found = {CassandraAddress.from_url("cassandra://h", "x" * 60 + end).keyspace for end in "ab"}
    assert {len(name) for name in found} == {48}
    assert len(found) == 2


@pytest.mark.parametrize(
    "url",
    ["redis://h", "cassandra://h:x", "cassandra://h/Two-Words", "cassandra://h?foo=1", "cassandra://h/" + "x" * 49],
)
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        CassandraAddress.from_url(url)


def test_a_certificate_that_is_not_there_is_named() -> None:
    with pytest.raises(OSError, match="No such file"):
        CassandraAddress.from_url("cassandras://h?ca_certs=/nowhere.pem")
