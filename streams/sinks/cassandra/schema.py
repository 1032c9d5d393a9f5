"""How the tables are made, and what differs from them in a keyspace that exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streams.sinks.cassandra.client import CassandraClient
from streams.sinks.cassandra.tables import TABLES, CassandraTable
from streams.sinks.schema_report import Difference, SchemaReport

#: Releases from this one on have an index that is stored with the rows (SAI).
_ATTACHED_INDEX_SINCE: Final = 5
_SAI: Final = "StorageAttachedIndex"


def ddl(table: CassandraTable, keyspace: str) -> str:
    """The statement that makes a table unless it is there."""
    columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
    key = ", ".join([f"({', '.join(table.partition)})", *table.clustering])
    options = [f"default_time_to_live = {table.ttl_s}"]
    if table.clustering:
        order = ", ".join(f"{name} {_order(table, name).upper()}" for name in table.clustering)
        options.insert(0, f"CLUSTERING ORDER BY ({order})")
    if table.grace_s:
        options.append(f"gc_grace_seconds = {table.grace_s}")
    with_options = " AND ".join(options)
    return f"CREATE TABLE IF NOT EXISTS {keyspace}.{table.name} ({columns}, PRIMARY KEY ({key})) WITH {with_options}"


def index_ddl(table: CassandraTable, keyspace: str, release: int) -> str:
    """The statement that makes the index of a table unless it is there; `release` is the server's first number."""
    name, on = _index_name(table), f"ON {keyspace}.{table.name} ({table.indexed})"
    if release >= _ATTACHED_INDEX_SINCE:
        return f"CREATE CUSTOM INDEX IF NOT EXISTS {name} {on} USING '{_SAI}'"
    return f"CREATE INDEX IF NOT EXISTS {name} {on}"


def apply(server: CassandraClient, replication: int) -> SchemaReport:
    """Makes what is missing, the keyspace with `replication` copies in each datacenter; never alters or drops what is
    there."""
    keyspace = server.address.keyspace
    copies = f"{{'class': 'NetworkTopologyStrategy', 'replication_factor': {replication}}}"
    if not server.ask("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", [keyspace]):
        server.run(f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {copies}")
    before = _tables(server)
    release = int(server.ask("SELECT release_version FROM system.local")[0].release_version.split(".")[0])
    for table in TABLES:
        if table.name not in before:
            server.run(ddl(table, keyspace))
        if table.indexed and _index_name(table) not in _indexes(server):
            server.run(index_ddl(table, keyspace, release))
    differs = differences(server)
    different = {difference.table for difference in differs}
    created = tuple(table.name for table in TABLES if table.name not in before)
    unchanged = tuple(table.name for table in TABLES if table.name in before and table.name not in different)
    return SchemaReport(created, unchanged, differs)


def differences(server: CassandraClient) -> tuple[Difference, ...]:
    """What the tables lack or have otherwise; a missing table is one, too."""
    lifetimes, indexes = _tables(server), _indexes(server)
    columns: dict[str, dict[str, tuple[str, str]]] = {}
    asked = (
        "SELECT table_name, column_name, type, kind, position, clustering_order FROM system_schema.columns "
        "WHERE keyspace_name = ?"
    )
    for row in server.ask(asked, [server.address.keyspace]):
        place = _place(row.kind, row.position, row.clustering_order)
        columns.setdefault(row.table_name, {})[row.column_name] = row.type, place
    return tuple(
        difference
        for table in TABLES
        for difference in _differences(table, lifetimes, columns.get(table.name, {}), indexes)
    )


def _differences(
    table: CassandraTable, lifetimes: dict[str, int], columns: dict[str, tuple[str, str]], indexes: frozenset[str]
) -> Iterator[Difference]:
    if table.name not in lifetimes:
        yield Difference(table.name, "the table", "there", "missing")
        return
    for name, kind in table.columns.items():
        found_kind, found_place = columns.get(name, ("missing", ""))
        if found_kind != kind:
            yield Difference(table.name, f"column {name}", kind, found_kind)
        elif found_place != (place := _wanted_place(table, name)):
            yield Difference(table.name, f"the place of column {name}", place, found_place)
    for name, (_, found_place) in columns.items():
        if name not in table.columns and found_place != _place("regular", -1, "none"):
            yield Difference(table.name, f"the place of column {name}", "not in the key", found_place)
    if lifetimes[table.name] != table.ttl_s:
        yield Difference(table.name, "default_time_to_live", f"{table.ttl_s} s", f"{lifetimes[table.name]} s")
    if table.indexed and _index_name(table) not in indexes:
        yield Difference(table.name, f"the index of {table.indexed}", "there", "missing")


def _wanted_place(table: CassandraTable, name: str) -> str:
    if name in table.partition:
        return _place("partition_key", table.partition.index(name), "none")
    if name in table.clustering:
        return _place("clustering", table.clustering.index(name), _order(table, name))
    return _place("regular", -1, "none")


def _place(kind: str, position: int, order: str) -> str:
    if kind == "regular":
        return "a value"
    return f"{kind.replace('_', ' ')} {position + 1}" + (f" {order}" if kind == "clustering" else "")


def _order(table: CassandraTable, name: str) -> str:
    return "desc" if name in table.newest_first else "asc"


def _index_name(table: CassandraTable) -> str:
    return f"{table.name}_by_{table.indexed}"


def _tables(server: CassandraClient) -> dict[str, int]:
    """The TTL of each table of the keyspace, seconds."""
    asked = "SELECT table_name, default_time_to_live FROM system_schema.tables WHERE keyspace_name = ?"
    return {row.table_name: row.default_time_to_live for row in server.ask(asked, [server.address.keyspace])}


def _indexes(server: CassandraClient) -> frozenset[str]:
    asked = "SELECT index_name FROM system_schema.indexes WHERE keyspace_name = ?"
    return frozenset(row.index_name for row in server.ask(asked, [server.address.keyspace]))
