"""How people write a rule on the command line."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ops.exit_codes import CommandFailed, ExitCode
from streams.contract.reasons import InvalidEvent
from streams.contract.rules import ACTIONS, LISTS, OperatorRule, parse_rule
from tables.regions import REGION_OF


class NotARule(CommandFailed):
    """What was given describes no rule."""

    code = ExitCode.USAGE


def parse_attributes(texts: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE each.

    >>> parse_attributes(["studio=A24", "mood=x=y"])
    {'studio': 'A24', 'mood': 'x=y'}
    """
    named: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise NotARule(f"--attribute {text!r}: expected NAME=VALUE")
        if name in named:
            raise NotARule(f"--attribute {name} is given twice: a rule is about one value, so write two rules")
        named[name] = value
    return named


def parse_moment(option: str, text: str | None) -> int | None:
    """A day or a moment (RFC 3339; UTC where it names no offset) in ms since the epoch.

    >>> [parse_moment("--from", text) for text in ("2026-12-24", "2026-12-24T01:00:00+01:00", None)]
    [1798070400000, 1798070400000, None]
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotARule(
            f"{option} {text!r}: expected a day (2026-12-24) or a time (2026-12-24T18:00:00+01:00)"
        ) from None
    return round((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def rule_of(told: dict[str, Any]) -> OperatorRule:
    """The rule of these fields. Raises `NotARule` as the topic's records are refused."""
    if told["action"] not in ACTIONS:
        raise NotARule(f"a rule's action is one of {', '.join(ACTIONS)}, and not {told['action']!r}")
    if told.get("lists", "all") not in LISTS:
        raise NotARule(f"--lists is one of {', '.join(LISTS)}, and not {told['lists']!r}")
    for country in told.get("countries", ()):
        if country not in REGION_OF:
            raise NotARule(f"--country {country}: no country of ISO 3166 (Britain is GB, Greece is GR)")
    given = {name: value for name, value in told.items() if value not in (None, (), [], {}, "")}
    given["match"] = {name: value for name, value in told["match"].items() if value not in (None, (), [], {}, "")}
    try:
        return parse_rule(told["rule_id"].encode(), msgspec.json.encode({"changed_ms": 0, **given}))
    except InvalidEvent as refusal:
        raise NotARule(refusal.detail) from None
