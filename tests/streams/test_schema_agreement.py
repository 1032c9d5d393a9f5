"""The JSON Schemas and the parsers accept the same records: generated from the schemas and from their complement, and
evaluated by validators that know nothing of the parsers."""

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator

from streams.contract.catalog import parse_catalog_item, parse_profile
from streams.contract.events import InvalidEvent, Reason, parse_interaction
from streams.contract.schemas import schemas

APPENDED = 1_700_000_000_000
#: What has no words in JSON Schema, see streams/contract/schemas.py.
INEXPRESSIBLE = {
    Reason.CONFLICTING_ITEM_ID,
    Reason.CONFLICTING_COMPLETION,
    Reason.TIMESTAMP_IN_FUTURE,
    Reason.KEY_MISMATCH,
    Reason.TOO_DEEP,
    Reason.TOO_LARGE,
}
RECORDS = int(os.environ.get("FRESHET_TEST_AGREEMENT_RECORDS", "40000"))
SCHEMAS = schemas()
STRANGE_TEXTS = [
    "", " ", ".", "..", "...", "u17\n", "\n", "a\tb", "a\0b", "\x7f", "\x85", "\u2028", "x" * 128, "x" * 129,
    "日" * 128, "🎬" * 128, "🎬" * 129, "D1", "DE\n",
    "ss", "ß", "dé", "null", "true", "7", "NaN", "\\", '"', "7.0", "Click",
]  # fmt: skip
STRANGE_NUMBERS = [
    0, -0.0, 0.0, 1, -1, 1.0, 2.5, 3.0, 0.5, 0.4999, 5, 5.0001, 7, 7.0, 12.0, 13, 16, 18, 100, 100.4, 101, 101.0,
    101.01, 9999, 10_000, 9999.0, 2**31 - 1, 2**31, float(2**31), 10**9, 10**9 + 1, 1e9, 10**11, 10**11 - 1,
    -(10**11), 1e11,
    APPENDED, float(APPENDED), APPENDED + 0.5, 2**53 + 1, 1e22, 1e127, 10**127, 10**128 - 1, 10**128, -(10**127), 1e300,
]  # fmt: skip
DAYS = ["2023-11-14", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2023-13-01", "2023-00-10", "2023-04-31",
        "2023-12-31", "1970-01-01", "1969-12-31", "1927-01-10", "0001-01-01", "0000-01-01", "0004-02-29", "9999-12-31",
        "23-11-14", "2023-1-4", "12023-11-14", "2023-11-32", "2023/11/14"]  # fmt: skip
CLOCKS = ["22:13:20", "00:00:00", "23:59:59", "24:00:00", "22:60:00", "22:13:60", "22:13", "22:13:20.5", "22:13:20.",
          "22:13:20.123456789012", "22:13:20,5", "2:13:20"]  # fmt: skip
ZONES = [
    "Z",
    "z",
    "+00:00",
    "-00:00",
    "+01:00",
    "-05:00",
    "+0530",
    "+23:59",
    "-23:59",
    "+24:00",
    "+01:60",
    "+1",
    "",
    "Z\n",
]


def text(chance: random.Random, schema: dict[str, Any]) -> str:
    if "pattern" in schema and chance.random() < 0.95:
        if schema.get("maxLength") == 2:
            return "".join(chance.choices("abDExyZ1ß", weights=[9, 9, 9, 9, 9, 9, 9, 1, 1], k=2))
        return moment(chance, day_only=0.3 if schema["pattern"].endswith("?$") else 0.02)
    if chance.random() < 0.1:
        return chance.choice(STRANGE_TEXTS)
    return "".join(chance.choices("abcXYZ019 _-/é日🎬", k=chance.randint(1, 12)))


def moment(chance: random.Random, day_only: float = 0.3) -> str:
    """Mostly a time, sometimes nearly one."""
    tame = chance.random() < 0.7
    if chance.random() < 0.02:  # where an offset leads out of the calendar, or of the epoch
        return f"{chance.choice(['0001-01-01', '9999-12-31', '1970-01-01'])}T12:00:00{chance.choice(ZONES)}"
    day = f"{chance.randint(1970, 2023):04}-{chance.randint(1, 12):02}-{chance.randint(1, 28 if tame else 32):02}"
    clock = f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:{chance.randint(0, 59):02}"
    if not tame:
        day, clock = chance.choice([day, *DAYS]), chance.choice([clock, *CLOCKS])
    if chance.random() < day_only:
        return day
    return day + chance.choice("TTTTTTtt  _") + clock + (chance.choice("Zz") if tame else chance.choice(ZONES))


def number(chance: random.Random, schema: dict[str, Any]) -> float:
    if chance.random() < 0.1:
        return chance.choice(STRANGE_NUMBERS)
    for bounds in chance.sample(schema.get("anyOf", [schema]), 1):
        low = bounds.get("minimum", bounds.get("maximum", 0) - 10**12)
        high = min(bounds.get("maximum", low + 10**12), max(low, APPENDED) if low >= 10**11 else 10**300)
    if chance.random() < 0.1:
        return chance.choice([low, high, low - 1, high + 1])
    if schema["type"] == "number":
        return chance.uniform(low, high) if chance.random() < 0.5 else chance.randint(int(low) + 1, int(high))
    whole = chance.randint(low, high)
    return float(whole) if chance.random() < 0.3 else whole


def sample(chance: random.Random, schema: dict[str, Any]) -> Any:
    """A value that is mostly valid against a part of a schema."""
    if chance.random() < 0.01:
        return anything(chance)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return number(chance, schema)
    if kind == "string":
        return text(chance, schema)
    if kind == "boolean":
        return chance.random() < 0.5
    if kind == "array":
        return [sample(chance, schema["items"]) for _ in range(length(chance, schema.get("maxItems")))]
    if kind == "object":
        most = length(chance, schema.get("maxProperties"))
        return {f"{number}{text(chance, {})}": anything(chance) for number in range(most)}
    if kind == "null":
        return None
    return sample(chance, chance.choice(schema["anyOf"]))


def length(chance: random.Random, most: int | None) -> int:
    """How many, mostly few; sometimes about as many as may be."""
    return chance.randint(0, 3) if most is None or chance.random() < 0.97 else most + chance.randint(-1, 1)


def anything(chance: random.Random) -> Any:
    return chance.choice([
        None, True, False, [], {}, [None], [""], ["a", 3.0], {"a": 1.0}, chance.choice(STRANGE_TEXTS),
        chance.choice(STRANGE_NUMBERS), moment(chance),
    ])  # fmt: skip


def record(chance: random.Random, schema: dict[str, Any]) -> dict[str, Any]:
    """A record with some of the fields, from the schema; one in two with a field replaced by anything or taken away."""
    properties = schema["properties"]
    optional = [name for name in properties if name not in schema.get("required", [])]
    names = [*schema.get("required", []), *chance.sample(optional, chance.randint(0, 5))]
    if "event_type" in properties and chance.random() < 0.9:
        names.append("item_id")
    made = {name: sample(chance, properties[name]) for name in names}
    if chance.random() < 0.5:
        damaged = chance.choice(list(properties))
        if chance.random() < 0.25:
            made.pop(damaged, None)
        else:
            made[damaged] = anything(chance)
    if chance.random() < 0.1:
        made["of_no_interest"] = anything(chance)
    return made


def key_of(made: dict[str, Any], field: str) -> bytes:
    """A key that fits, as far as the field is an id."""
    held = made.get(field)
    if isinstance(held, float) and held.is_integer():
        held = int(held)
    return str(held).encode() if isinstance(held, str | int) and not isinstance(held, bool) and held != "" else b"k"


PARSE: dict[str, Callable[[bytes, dict[str, Any]], object]] = {
    "interaction": lambda value, _: parse_interaction(value, APPENDED),
    "item": lambda value, made: parse_catalog_item(key_of(made, "item_id"), value),
    "profile": lambda value, made: parse_profile(key_of(made, "user_id"), value),
}


def outcome_of(parse: Callable[[], object]) -> str:
    """`accepted`, or why not."""
    try:
        parse()
    except InvalidEvent as refusal:
        return refusal.reason
    return "accepted"


@pytest.mark.parametrize("name", sorted(PARSE))
def test_schema_and_parser_accept_the_same_records(name: str) -> None:
    chance = random.Random(f"agreement of {name}")
    validator, slow = jsonschema_rs.Draft202012Validator(SCHEMAS[name]), Draft202012Validator(SCHEMAS[name])
    counts: Counter[str] = Counter()
    for count in range(RECORDS):
        made = record(chance, SCHEMAS[name])
        value = json.dumps(made, ensure_ascii=chance.random() < 0.5).encode()
        is_valid = validator.is_valid(json.loads(value))
        if count % 20 == 0:  # a second validator, in another language
            assert slow.is_valid(json.loads(value)) == is_valid, value
        outcome = outcome_of(lambda value=value, made=made: PARSE[name](value, made))
        counts[outcome] += 1
        assert is_valid == (outcome == "accepted") or (is_valid and outcome in INEXPRESSIBLE), (value, outcome)
    print(name, RECORDS, dict(counts))
    refused = RECORDS - counts["accepted"]
    assert min(counts["accepted"], refused - sum(counts[reason] for reason in INEXPRESSIBLE)) > RECORDS // 10
