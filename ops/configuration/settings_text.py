"""What a setting allows and how a value is shown, in words: for errors, `freshet config` and docs/settings.md."""

from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

MASK = "********"
#: Of addresses that may hold a user and a password before the host.
_SCHEMES = (
    *(scheme + kind for scheme in ("redis", "rediss") for kind in ("", "+cluster", "+sentinel")),
    *("cassandra", "cassandras", "clickhouse", "clickhouses"),
)


def allowed(field: FieldInfo) -> str:
    """What a value must be, e.g. `whole number, 1 to 500`."""
    if stated := _extra(field).get("allowed"):
        return str(stated)
    if options := [option for option in get_args(field.annotation) if isinstance(option, str)]:
        return ", ".join(options[:-1]) + f" or {options[-1]}"
    limits = {name: limit for rule in field.metadata for name, limit in _limits(rule).items()}
    return _kind(field) + _bounds(limits)


def shown(value: object) -> str:
    """A value as a user may see it: one line, and without what is secret in a URL."""
    text = masked("none" if value is None else str(value))
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shown_default(field: FieldInfo) -> str:
    """The default in words that hold on every machine."""
    return str(_extra(field).get("shown_default", shown(field.default)))


def masked(text: str) -> str:
    """`text` without the credentials of a server's URL; without anything when they cannot be told apart.

    >>> masked("redis://reader:secret@cache:6379/0"), masked("redis://cache/0"), masked("redis:/:secret@cache")
    ('redis://********@cache:6379/0', 'redis://cache/0', '********')
    """
    credentials, at, server = text.rpartition("@")
    if "password" in server:
        return MASK
    if not at:
        return text
    scheme, separator, _ = credentials.partition("://")
    return f"{scheme}://{MASK}@{server}" if separator and scheme in _SCHEMES else MASK


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _limits(rule: object) -> dict[str, Any]:
    names = ("ge", "le", "min_length", "max_length", "pattern")
    return {name: getattr(rule, name) for name in names if getattr(rule, name, None) is not None}


def _kind(field: FieldInfo) -> str:
    if field.annotation is int:
        return "whole number"
    if field.annotation is float:
        return "number"
    if Path in (field.annotation, *get_args(field.annotation)):
        return "path of a folder"
    return "text"


def _bounds(limits: dict[str, Any]) -> str:
    if pattern := limits.get("pattern"):
        return f" like {pattern}"
    if "ge" in limits:
        return f", {limits['ge']} to {limits['le']}"
    if "min_length" in limits:
        return f" of {limits['min_length']} to {limits['max_length']} characters"
    return ""
