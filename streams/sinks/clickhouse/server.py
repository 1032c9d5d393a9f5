"""A connection to one ClickHouse server, with its failures as sinks know them. Passwords are in no message."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Final

from clickhouse_driver import Client
from clickhouse_driver import errors as failures

from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.no_tls import why_no_tls
from streams.sinks.sink import RowsRefused, SchemaMissing, StoreUnavailable

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 60
MUTATION_TIMEOUT_S = 300.0
_POLL_S = 0.05
_LIMIT_ON_MONTHS: Final = "max_partitions_per_insert_block"

#: What the server says of values, not of itself: CANNOT_PARSE_*, TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND, INCORRECT_DATA,
#: TOO_LARGE_STRING_SIZE, CANNOT_CONVERT_TYPE, CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, VIOLATED_CONSTRAINT.
_OF_VALUES: Final = frozenset({6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 349, 469})
#: The client could not put a value into its column.
_OF_CLIENT: Final = (
    failures.TypeMismatchError,
    failures.TooLargeStringSize,
    failures.CannotParseUuidError,
    failures.CannotParseDomainError,
)
#: NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_IDENTIFIER, UNKNOWN_TABLE, UNKNOWN_DATABASE.
_OF_SCHEMA: Final = frozenset({16, 47, 60, 81})
#: UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED; what the server says of them names the user.
_OF_LOGIN: Final = frozenset({192, 193, 194, 516})
#: What holds the ids of users that a statement is about.
ABOUT: Final = "asked_about"
#: What is said of users who are to be forgotten is in no `system.query_log`.
_UNNOTED: Final[dict[str, Any]] = {"log_queries": 0}
TO_APPLY: Final = "run `freshet schema apply clickhouse`"


Rows = list[tuple[Any, ...]]

# It would print a traceback for each attempt; what fails is said by our errors.
logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)


class Server:
    """Connects when it is first asked, and again after a failure. Not thread-safe."""

    def __init__(self, address: ClickHouseAddress) -> None:
        self.address = address
        self._client: Client | None = None
        self._version: tuple[int, int] | None = None
        self._of_inserts: dict[str, Any] | None = None

    @property
    def version(self) -> tuple[int, int]:
        """Year and month of the release, e.g. (18, 16)."""
        if self._version is None:
            major, minor = self.ask("SELECT version()")[0][0].split(".")[:2]
            self._version = int(major), int(minor)
        return self._version

    @property
    def of_inserts(self) -> dict[str, Any]:
        """Settings of inserts whose rows may be of any months: servers that know a limit on these refuse 101."""
        if self._of_inserts is None:
            known = self.ask(f"SELECT count() FROM system.settings WHERE name = '{_LIMIT_ON_MONTHS}'")[0][0]
            self._of_inserts = {_LIMIT_ON_MONTHS: 0} if int(known) else {}
        return self._of_inserts

    def ask(self, query: str, parameters: dict[str, Any] | None = None, **settings: Any) -> Rows:
        """Runs a statement; its rows. `parameters` are named %(so)s. Raises `StoreUnavailable`, `SchemaMissing`."""
        return self._guarded(lambda client: client.execute(query, parameters or None, settings=settings))  # type: ignore[no-any-return]

    def insert(self, table: str, names: Sequence[str], columns: Sequence[Sequence[Any]], **settings: Any) -> None:
        """Inserts rows given by columns. Raises `RowsRefused`, `StoreUnavailable`, `SchemaMissing`."""
        query = f"INSERT INTO {self.address.database}.{table} ({', '.join(names)}) VALUES"
        self._guarded(lambda client: client.execute(query, columns, columnar=True, settings=settings))

    def ask_about(self, users: Sequence[str], query: str, parameters: dict[str, Any] | None = None) -> Rows:
        """Runs a statement about some users, whose ids are the column `id` of the table `asked_about`, which is sent
        with it: they are in no text, and the server notes no statement of these."""
        return self._guarded(  # type: ignore[no-any-return]
            lambda client: client.execute(
                query,
                parameters,
                external_tables=[
                    {"name": ABOUT, "structure": [("id", "String")], "data": [{"id": user} for user in users]}
                ],
                settings=_UNNOTED,
            )
        )

    def numbers_of(self, users: Sequence[str]) -> tuple[int, ...]:
        """How statements name users that the server keeps on its disk: by `sipHash64(user_id)`."""
        return tuple(int(number) for (number,) in self.ask_about(users, f"SELECT sipHash64(id) FROM {ABOUT}"))

    def delete(self, table: str, where: str, parameters: dict[str, Any]) -> None:
        """Deletes rows of a MergeTree and returns when they are gone from every part. The server keeps the text for
        a while: users are in it by their `numbers_of`."""
        database = self.address.database
        self.ask(f"ALTER TABLE {database}.{table} DELETE WHERE {where}", parameters, **_UNNOTED)
        deadline = time.monotonic() + MUTATION_TIMEOUT_S
        of_table = {"database": database, "table": table}
        pending = "SELECT count() FROM system.mutations WHERE database = %(database)s AND table = %(table)s"
        while self.ask(f"{pending} AND is_done = 0", of_table)[0][0]:
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"ClickHouse at {self.address}: rows of {table} are still being deleted")
            time.sleep(_POLL_S)

    def close(self) -> None:
        """Disconnects."""
        if self._client is not None:
            self._client.disconnect()
            self._client = None

    def _guarded(self, act: Any) -> Any:
        if self._client is None:
            self._client = self._connected()
        try:
            return act(self._client)
        except failures.ServerException as failure:
            said = str(failure.message).split("Stack trace")[0].strip()
            message = f"ClickHouse at {self.address}: code {failure.code}: {said}"
            self.close()
            if failure.code in _OF_LOGIN:
                raise StoreUnavailable(f"ClickHouse at {self.address} refuses the user name or password") from None
            if failure.code in _OF_VALUES:
                raise RowsRefused(message) from None
            if failure.code in _OF_SCHEMA:
                raise SchemaMissing(f"{message}: {TO_APPLY}") from None
            raise StoreUnavailable(message) from None
        except _OF_CLIENT as failure:
            self.close()
            raise RowsRefused(f"{type(failure).__name__}: {failure}") from None
        except (failures.Error, OSError, EOFError) as failure:  # timeouts and answers that cannot be read among them
            self.close()
            said = why_no_tls(str(failure), secure=self.address.secure) or str(failure) or type(failure).__name__
            raise StoreUnavailable(f"ClickHouse at {self.address}: {said}") from None

    def _connected(self) -> Client:
        address = self.address
        secure = {"secure": True, "ca_certs": address.ca_file or None} if address.secure else {}
        return Client(
            address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            database="",  # statements name it: it may have to be made first
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=ANSWER_TIMEOUT_S,
            sync_request_timeout=CONNECT_TIMEOUT_S,
            client_name="freshet",
            **secure,
        )
