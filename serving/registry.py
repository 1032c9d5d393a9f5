"""The truth about model versions: what `freshet.versions` says, folded record by record.

    fingerprint:{version}     what the version's workers were started with; see agents.versions.fingerprint
    version:{version}         VersionRecord: since when there is a version of that name, and whether it was retired
    switch:{sequence}         Switch: who serves whom from then on; one record a switch, never replaced
    figures:{version}         JSON: what was measured about a candidate, see offline.versions.gate

The fold has no clock and does no I/O. The live pointer in Redis (`serving.live_pointer`) is made from the last switch
and can be made again at any time; its sequence number is the switch's.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, TypeVar

import msgspec

from serving.live_pointer import BUCKETS, InvalidPointer, LivePointer
from streams.contract.reasons import InvalidEvent, Reason
from streams.kafka.topics import Topics

FINGERPRINT = "fingerprint"
_VERSION = "version"
_SWITCH = "switch"
_FIGURES = "figures"
#: After a switch the former leader goes on answering for records appended within this time, so that none is left
#: without an answer while workers learn of the switch. Dead letters are keyed by their source: two are one.
OVERLAP_MS = 60_000
_LAST_SEQUENCE = 10**12 - 1  # keys have twelve digits

T = TypeVar("T")


class VersionState(Enum):
    """What a version is at the moment."""

    CANDIDATE = "candidate"
    LIVE = "live"
    PREVIOUS = "previous"
    RETIRED = "retired"


class VersionRecord(msgspec.Struct, frozen=True):
    """A version by name. Times in ms since the epoch. `retired_ms` is set by the start of its removal, `removed` at the
    end of it; a name that was retired is not used again. `snapshot` names what its tables began with, "" = nothing;
    `archive` says that it reads the archive in front of the log; a version that is not `filled` has no worker yet."""

    created_ms: int
    who: str
    reads_from: str = "earliest"
    snapshot: str = ""
    archive: bool = False
    filled: bool = True
    retired_ms: int | None = None
    removed: bool = False

    def record(self, version: str) -> tuple[bytes, bytes]:
        """Key and value."""
        return f"{_VERSION}:{version}".encode(), msgspec.json.encode(self)


class Switch(msgspec.Struct, frozen=True):
    """Who serves whom: `weights` in percent by version, in bucket order, adding up to 100.

    `figures` is what was known when it was decided; `forced` that it was done against a refusal.
    """

    sequence: int
    action: Literal["first", "promote", "rollback"]
    weights: dict[str, int]
    who: str
    when_ms: int
    salt: str = ""
    forced: bool = False
    figures: dict[str, Any] = {}

    def record(self) -> tuple[bytes, bytes]:
        """Key and value."""
        return f"{_SWITCH}:{self.sequence:012d}".encode(), msgspec.json.encode(self)

    @property
    def pointer(self) -> LivePointer:
        """The value of the `live` key. Raises InvalidPointer unless the weights add up."""
        return LivePointer(self.weights, self.sequence, self.salt)

    @property
    def leader(self) -> str:
        """The version that serves most users; the first of equals."""
        return max(self.weights, key=self.weights.__getitem__)

    @property
    def sole(self) -> str | None:
        """The version that serves everybody, if there is one."""
        return self.leader if self.weights[self.leader] == BUCKETS else None


def figures_record(version: str, figures: dict[str, Any] | None) -> tuple[bytes, bytes | None]:
    """Key and value of what was measured about a version; None forgets it."""
    return f"{_FIGURES}:{version}".encode(), None if figures is None else msgspec.json.encode(figures)


class Registry:
    """All versions of a namespace. `apply` takes the records of the topic in their order, any number of times."""

    def __init__(self) -> None:
        self.fingerprints: dict[str, bytes] = {}
        self.records: dict[str, VersionRecord] = {}
        self.figures: dict[str, dict[str, Any]] = {}
        self._switches: dict[int, Switch] = {}

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Takes one record; keys of a later release are left alone. Raises `InvalidEvent` for a record that cannot be
        read, and changes nothing."""
        kind, _, name = (key or b"").decode(errors="replace").partition(":")
        if kind == _SWITCH:
            if value is not None:
                switch = _switch_of(name, value)
                self._switches[switch.sequence] = switch
        elif kind in (FINGERPRINT, _VERSION, _FIGURES):
            _require_version(name)
            if kind == FINGERPRINT:
                _put(self.fingerprints, name, value)
            elif kind == _VERSION:
                _put(self.records, name, None if value is None else _decoded(value, VersionRecord))
            else:
                _put(self.figures, name, None if value is None else _decoded(value, dict[str, Any]))

    # -- versions -------------------------------------------------------------------------------------------------

    @property
    def versions(self) -> list[str]:
        """Every version that was ever named, in alphabetical order."""
        served = {version for switch in self._switches.values() for version in switch.weights}
        return sorted(served | self.records.keys() | self.fingerprints.keys())

    def is_retired(self, version: str) -> bool:
        """Whether its removal was begun, or is done."""
        record = self.records.get(version)
        return record is not None and record.retired_ms is not None

    def weight_of(self, version: str) -> int:
        """The share of users, in percent, that a version serves now."""
        return 0 if self.current is None else self.current.weights.get(version, 0)

    def state_of(self, version: str) -> VersionState:
        """What a version is now; one that nobody has heard of is a candidate."""
        if self.is_retired(version):
            return VersionState.RETIRED
        if self.weight_of(version):
            return VersionState.LIVE
        served = any(switch.weights.get(version) for switch in self._switches.values())
        return VersionState.PREVIOUS if served else VersionState.CANDIDATE

    # -- switches -------------------------------------------------------------------------------------------------

    @property
    def switches(self) -> list[Switch]:
        """Every switch, oldest first."""
        return [self._switches[sequence] for sequence in sorted(self._switches)]

    @property
    def current(self) -> Switch | None:
        """The last switch; None before the first worker of the namespace."""
        return self._switches[max(self._switches)] if self._switches else None

    def leader_beside(self, version: str) -> str | None:
        """The version that serves most users besides one; None when nobody else serves any."""
        weights = {} if self.current is None else self.current.weights
        others = {name: weight for name, weight in weights.items() if name != version and weight}
        return max(others, key=others.__getitem__) if others else None

    def rollback_target(self) -> str | None:
        """The version that a rollback gives everything back to: the one that last served everybody before the
        present candidate did; None when there is none that is not retired. A rollback is no way forward: what was
        rolled back is not reached by another one."""
        stack: list[str] = []
        for switch in self.switches:
            if switch.action == "rollback":
                while stack and stack[-1] != switch.sole:
                    stack.pop()
            elif switch.sole is not None and (not stack or stack[-1] != switch.sole):
                stack.append(switch.sole)
        current = self.current.sole if self.current else None
        return next((name for name in reversed(stack) if name != current and not self.is_retired(name)), None)

    def answers_for(self, version: str, append_ms: int) -> bool:
        """Whether a version writes what only one version may write (dead letters) about a record appended then."""
        switches = self.switches
        ends = [switch.when_ms + OVERLAP_MS for switch in switches[1:]]
        for index, switch in enumerate(switches):
            begun = not index or switch.when_ms <= append_ms
            ended = index < len(ends) and ends[index] <= append_ms
            if switch.leader == version and begun and not ended:
                return True
        return False


def _switch_of(number: str, value: bytes) -> Switch:
    switch = _decoded(value, Switch)
    if not 0 <= switch.sequence <= _LAST_SEQUENCE or number != f"{switch.sequence:012d}":
        raise InvalidEvent(Reason.KEY_MISMATCH, f"the switch {switch.sequence} is not what the key names")
    for version in switch.weights:
        _require_version(version)
    try:
        assert switch.pointer
    except InvalidPointer as error:
        raise InvalidEvent(Reason.OUT_OF_RANGE, str(error)) from None
    return switch


def _require_version(name: str) -> None:
    try:
        Topics(version=name)
    except ValueError as error:
        raise InvalidEvent(Reason.OUT_OF_RANGE, str(error)) from None


def _decoded(value: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent(Reason.WRONG_TYPE, str(error)) from None


def _put(table: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value
