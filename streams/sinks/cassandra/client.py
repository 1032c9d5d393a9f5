"""A connection to Cassandra, with its failures as sinks know them. Passwords are in no message.

Statements are prepared once and routed to a replica of their partition. Rows of one partition key travel together in an
unlogged batch, which a node takes as one mutation, all or nothing; batches of several keys would make one node wait for
others and are never made.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Final

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    InvalidRequest,
    OperationTimedOut,
    RequestExecutionException,
    Unauthorized,
    UnresolvableContactPoints,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.concurrent import execute_concurrent
from cassandra.connection import ConnectionException
from cassandra.policies import ConstantReconnectionPolicy, DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement

from streams.sinks.cassandra.address import CassandraAddress, Consistency
from streams.sinks.no_tls import why_no_tls
from streams.sinks.sink import RowsRefused, SchemaMissing, StoreUnavailable

# What goes wrong is said by whoever asked, in one sentence; the client would add a traceback for each host.
logging.getLogger("cassandra").setLevel(logging.ERROR)
logging.getLogger("cassandra.cluster").setLevel(logging.CRITICAL)

CONNECT_TIMEOUT_S: Final = 10.0
ANSWER_TIMEOUT_S: Final = 20.0
#: Requests that are under way at a time.
CONCURRENCY: Final = 100
_RECONNECT_S: Final = 1.0
#: The newest that all servers since 2.2 speak; what is absent can be left out since then.
_PROTOCOL: Final = 4
TO_APPLY: Final = "run `freshet schema apply cassandra`"
#: How the server says that a table, column or keyspace is not there.
_OF_SCHEMA: Final = (
    "unconfigured table",
    "Undefined column",
    "does not exist",
    "doesn't exist",
    "Unknown identifier",
)
_LEVELS: Final = ConsistencyLevel.name_to_value


class CassandraClient:
    """Connects when it is first asked, and anew after a failure. Not thread-safe."""

    def __init__(self, address: CassandraAddress) -> None:
        self.address = address
        self._cluster: Cluster | None = None
        self._session: Session | None = None
        self._prepared: dict[str, PreparedStatement] = {}

    def ask(self, query: str, parameters: Sequence[Any] = (), level: Consistency = "ONE") -> list[Any]:
        """Runs one prepared statement; its rows, all pages of them. Raises `StoreUnavailable`, `SchemaMissing`."""
        return self._guarded(lambda session: list(session.execute(self._bound(session, query, parameters, level))))  # type: ignore[no-any-return]

    def ask_all(self, query: str, parameters: Sequence[Sequence[Any]], level: Consistency) -> list[list[Any]]:
        """Runs one prepared statement with many parameters at a time; the rows of each."""

        def act(session: Session) -> list[list[Any]]:
            statements = [(self._bound(session, query, given, level), None) for given in parameters]
            return [list(answer) for answer in _together(session, statements)]

        return self._guarded(act)  # type: ignore[no-any-return]

    def run(self, statement: str) -> None:
        """Runs a statement that makes something: such cannot be prepared."""
        self._guarded(lambda session: session.execute(statement))

    def write(self, batches: Iterable[Sequence[tuple[str, Sequence[Any]]]], level: Consistency) -> None:
        """Runs statements, given as text and parameters; those of one sequence have one partition key and are one
        batch. Returns when all are confirmed. Raises `RowsRefused`, `StoreUnavailable`, `SchemaMissing`."""

        def act(session: Session) -> None:
            made = []
            for batch in batches:
                bound = [self._bound(session, query, parameters, level) for query, parameters in batch]
                made.append((_batch(bound, level), None))
            _together(session, made)

        self._guarded(act)

    def close(self) -> None:
        """Disconnects."""
        if self._cluster is not None:
            self._cluster.shutdown()
        self._cluster = self._session = None
        self._prepared.clear()

    def _bound(self, session: Session, query: str, parameters: Sequence[Any], level: Consistency) -> BoundStatement:
        prepared = self._prepared.get(query)
        if prepared is None:
            prepared = self._prepared[query] = session.prepare(query)
        bound = BoundStatement(prepared, consistency_level=_LEVELS[level])
        try:
            return bound.bind(parameters)
        except (TypeError, ValueError, ArithmeticError, AttributeError) as failure:
            # a value that its column cannot hold
            raise RowsRefused(f"{type(failure).__name__}: {failure}") from None

    def _guarded(self, act: Any) -> Any:
        try:
            return act(self._connected())
        except (InvalidRequest, Unauthorized) as failure:
            said = str(failure)
            if any(word in said for word in _OF_SCHEMA):
                raise SchemaMissing(f"Cassandra at {self.address}: {said}: {TO_APPLY}") from None
            if isinstance(failure, Unauthorized):
                raise StoreUnavailable(f"Cassandra at {self.address}: {said}") from None
            raise RowsRefused(f"Cassandra at {self.address}: {said}") from None
        except (NoHostAvailable, ConnectionException, AuthenticationFailed, OSError) as failure:
            self.close()
            raise StoreUnavailable(self._not_connected(failure)) from None
        except (RequestExecutionException, OperationTimedOut, UnresolvableContactPoints) as failure:
            raise StoreUnavailable(f"Cassandra at {self.address}: {_said(failure)}") from None

    def _not_connected(self, failure: Exception) -> str:
        said = _said(failure)
        if isinstance(failure, AuthenticationFailed) or _of_login(failure):
            return f"Cassandra at {self.address} refuses the user name or password"
        return f"Cassandra at {self.address}: {why_no_tls(said, secure=self.address.secure) or said}"

    def _connected(self) -> Session:
        if self._session is None:
            address = self.address
            policy = TokenAwarePolicy(DCAwareRoundRobinPolicy(address.datacenter))
            profile = ExecutionProfile(load_balancing_policy=policy, request_timeout=ANSWER_TIMEOUT_S)
            self._cluster = Cluster(
                address.hosts,
                port=address.port,
                auth_provider=PlainTextAuthProvider(address.user, address.password) if address.user else None,
                ssl_context=ssl.create_default_context(cafile=address.ca_file or None) if address.secure else None,
                protocol_version=_PROTOCOL,
                execution_profiles={EXEC_PROFILE_DEFAULT: profile},
                reconnection_policy=ConstantReconnectionPolicy(_RECONNECT_S, max_attempts=None),
                connect_timeout=CONNECT_TIMEOUT_S,
                control_connection_timeout=CONNECT_TIMEOUT_S,
                application_name="freshet",
            )
            self._session = self._cluster.connect()
            self._session.use_client_timestamp = False  # rows bring their own
        return self._session


def _batch(bound: Sequence[BoundStatement], level: Consistency) -> BoundStatement | BatchStatement:
    if len(bound) == 1:
        return bound[0]
    batch = BatchStatement(BatchType.UNLOGGED, consistency_level=_LEVELS[level])
    for statement in bound:
        batch.add(statement)
    return batch


def _together(session: Session, statements: Sequence[tuple[Any, None]]) -> list[Any]:
    """Runs statements, many at a time; their answers in order. Raises what the first one that failed raised."""
    if not statements:
        return []
    done = execute_concurrent(session, statements, concurrency=CONCURRENCY, raise_on_first_error=True)
    return [answer for _, answer in done]


def _of_login(failure: Exception) -> bool:
    """Whether all hosts that answered refused who logged in."""
    errors = failure.errors if isinstance(failure, NoHostAvailable) and isinstance(failure.errors, dict) else {}
    return bool(errors) and all(isinstance(said, AuthenticationFailed) for said in errors.values())


def _said(failure: Exception) -> str:
    """What happened, with what each host said."""
    if isinstance(failure, NoHostAvailable) and isinstance(failure.errors, dict):
        return "; ".join(f"{host}: {said}" for host, said in failure.errors.items()) or str(failure.args[0])
    return str(failure) or type(failure).__name__
