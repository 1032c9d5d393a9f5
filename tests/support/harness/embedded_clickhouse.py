"""ClickHouse of today without a server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.clickhouse.server import ABOUT, Rows, Server


class Embedded(Server):
    """The engine of today in this process, where a server of today cannot be installed: the same statements, no
    network."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(ClickHouseAddress("embedded", 0, database))
        self._session = pytest.importorskip("chdb.session").Session(str(folder))

    def ask(self, query: str, parameters: dict[str, Any] | None = None, **settings: Any) -> list[tuple[Any, ...]]:
        """Values as JSON has them."""
        if parameters:
            query = query % {name: _quoted(value) for name, value in parameters.items()}
        answered = str(self._session.query(query, "JSONCompact"))
        return [tuple(row) for row in orjson.loads(answered)["data"]] if answered.strip() else []

    def ask_about(self, users: Sequence[str], query: str, parameters: dict[str, Any] | None = None) -> Rows:
        """The ids are in the text: there is no log."""
        ids = ", ".join(map(_quoted, users))
        return self.ask(query.replace(f"FROM {ABOUT}", f"FROM (SELECT arrayJoin([{ids}]) AS id)"), parameters)

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Sequence[Any]], **settings: Any) -> None:
        """Rows as JSON."""
        said = ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items())
        rows = b"\n".join(orjson.dumps(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True))
        into = f"INSERT INTO {self.address.database}.{table} {f'SETTINGS {said}' if said else ''} FORMAT JSONEachRow "
        self._session.query(into + rows.decode())

    def close(self) -> None:
        """Ends the engine."""
        self._session.close()


def _quoted(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_quoted, value))})"
    return f"'{value}'" if isinstance(value, str) else str(value)
