"""Query and path parameters: one declaration each, which parses, checks and documents.

Strict on purpose: an unknown name, a second value, a bad escape or a number out of range is a 400 that says so. A
parameter that is silently ignored is a bug that the frontend finds weeks later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from serving.endpoint.problems import Problem, bad_parameter
from streams.contract.ids import MAX_ID_LENGTH, control_in

#: A query that can hold every declared value once in its longest form; what is longer is not looked at.
_LEAST_QUERY_BYTES = 4096
_BYTES_PER_CHARACTER = 12  # four of UTF-8, each written as %XX
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_COUNTRY = "two capital letters (ISO 3166-1 alpha-2)"


def decode_text(name: str, raw: bytes, *, plus_is_space: bool = True) -> str:
    """A percent-encoded UTF-8 text. Raises a 400 Problem for a bad escape or bad UTF-8."""
    if plus_is_space:
        raw = raw.replace(b"+", b" ")
    if _BAD_ESCAPE.search(raw):
        raise bad_parameter(name, raw.decode("utf-8", "replace"), "percent-encoded UTF-8", "has a broken % escape")
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise bad_parameter(name, raw.decode("utf-8", "replace"), "percent-encoded UTF-8", "is not UTF-8") from None


@dataclass(frozen=True)
class Parameter:
    """One parameter. `choices` maps raw bytes to values: a lookup is both the fastest and the strictest parser. A text
    is all of a `pattern`, when there is one; `is_ascii`: nothing else fits it."""

    name: str
    description: str
    schema: Mapping[str, Any]
    allowed: str
    required: bool = False
    choices: Mapping[bytes, Any] | None = None
    pattern: re.Pattern[str] | None = None
    is_ascii: bool = False

    @property
    def longest_bytes(self) -> int:
        """Of a value in an address, every byte of it percent-encoded."""
        if self.choices is not None:
            return 3 * max(map(len, self.choices))
        if self.is_ascii:
            return 3 * int(self.schema["maxLength"])
        return _BYTES_PER_CHARACTER * int(self.schema["maxLength"])

    def read(self, raw: bytes, *, plus_is_space: bool = True) -> Any:
        """The value of a raw one. Raises a 400 Problem."""
        if self.choices is not None:
            try:
                return self.choices[raw]
            except KeyError:
                text = decode_text(self.name, raw, plus_is_space=plus_is_space)
                value = self.choices.get(text.encode())
                if value is None:
                    raise bad_parameter(self.name, text, self.allowed) from None
                return value
        # ASCII letters and digits: most ids.
        if self.pattern is None and raw.isalnum() and len(raw) <= self.schema["maxLength"]:
            return raw.decode("ascii")
        text = decode_text(self.name, raw, plus_is_space=plus_is_space)
        if not 1 <= len(text) <= self.schema["maxLength"] or control_in(text):
            raise bad_parameter(self.name, text, self.allowed)
        if self.pattern is not None and self.pattern.fullmatch(text) is None:
            raise bad_parameter(self.name, text, self.allowed)
        return text


@dataclass(frozen=True)
class Parameters:
    """The query parameters of one route."""

    declared: tuple[Parameter, ...] = ()
    _by_name: dict[bytes, Parameter] = field(init=False, repr=False)
    _by_pair: dict[bytes, tuple[str, Any]] = field(init=False, repr=False)
    _required: tuple[str, ...] = field(init=False, repr=False)
    max_query_bytes: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {parameter.name.encode(): parameter for parameter in self.declared})
        object.__setattr__(self, "_by_pair", {pair: found for p in self.declared for pair, found in _pairs(p)})
        object.__setattr__(self, "_required", tuple(p.name for p in self.declared if p.required))
        longest = sum(len(p.name) + len("=&") + p.longest_bytes for p in self.declared)
        object.__setattr__(self, "max_query_bytes", max(_LEAST_QUERY_BYTES, longest))

    def read(self, query: bytes) -> dict[str, Any]:
        """Name to value of everything that is given. Raises a 400 or 414 Problem."""
        if len(query) > self.max_query_bytes:
            raise Problem(414, f"the query is longer than {self.max_query_bytes} bytes")
        values: dict[str, Any] = {}
        if query:
            by_pair = self._by_pair
            for pair in query.split(b"&"):
                name, value = by_pair[pair] if pair in by_pair else self._read_pair(pair)
                if name in values:
                    raise bad_parameter(name, str(value), "one value", "is repeated")
                values[name] = value
        for required in self._required:
            if required not in values:
                raise bad_parameter(required, "", self._by_name[required.encode()].allowed, "is required")
        return values

    def _read_pair(self, pair: bytes) -> tuple[str, Any]:
        raw_name, _, raw = pair.partition(b"=")
        parameter = self._by_name[raw_name] if raw_name in self._by_name else self._find(raw_name)
        return parameter.name, parameter.read(raw)

    def _find(self, raw_name: bytes) -> Parameter:
        name = decode_text("the name of a parameter", raw_name)
        found = self._by_name.get(name.encode())
        if found is None:
            names = ", ".join(parameter.name for parameter in self.declared) or "no parameters"
            raise bad_parameter(name[:100], "", names, "is unknown")
        return found


def _pairs(parameter: Parameter) -> list[tuple[bytes, tuple[str, Any]]]:
    """What stands in an address for each choice: with one look into a dictionary it is checked, named and parsed."""
    name, choices = parameter.name, parameter.choices or {}
    return [(b"%b=%b" % (name.encode(), raw), (name, value)) for raw, value in choices.items()]


def text(name: str, description: str, max_length: int = MAX_ID_LENGTH, *, required: bool = False) -> Parameter:
    """A text of 1–max_length characters without control characters."""
    schema = {"type": "string", "minLength": 1, "maxLength": max_length, "pattern": r"^[^\x00-\x1f\x7f-\x9f]+$"}
    return Parameter(name, description, schema, f"1–{max_length} characters, none of them control", required)


def integer(name: str, description: str, low: int, high: int, default: int) -> Parameter:
    """A decimal integer in [low, high] without sign or leading zeros."""
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    choices = {b"%d" % number: number for number in range(low, high + 1)}
    return Parameter(name, description, schema, f"an integer from {low} to {high}", choices=choices)


def one_of(
    name: str, description: str, values: tuple[str, ...], default: str | None = None, **aliases: str
) -> Parameter:
    """One of a few words; `aliases` are those that mean another."""
    schema: dict[str, Any] = {"type": "string", "enum": list(values)}
    if default is not None:
        schema["default"] = default
    choices = {value.encode(): aliases.get(value, value) for value in values}
    return Parameter(name, description, schema, ", ".join(values), choices=choices)


def country(name: str, description: str) -> Parameter:
    """Two capital letters (ISO 3166-1 alpha-2)."""
    schema = {"type": "string", "pattern": "^[A-Z]{2}$"}
    return Parameter(name, description, schema, _COUNTRY, choices={code.encode(): code for code in _country_codes()})


def country_or_region(name: str, description: str, regions: tuple[str, ...], everywhere: str) -> Parameter:
    """A country, one of a few regions, or everywhere, which is the default."""
    words = (*regions, everywhere)
    pattern = "^([A-Z]{2}|" + "|".join(map(re.escape, words)) + ")$"
    schema = {"type": "string", "pattern": pattern, "default": everywhere}
    choices = {code.encode(): code for code in (*_country_codes(), *words)}
    return Parameter(name, description, schema, f"{_COUNTRY}, {', '.join(regions)} or {everywhere}", choices=choices)


def _country_codes() -> list[str]:
    letters = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    return [first + second for first in letters for second in letters]
