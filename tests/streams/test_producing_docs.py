"""docs/producing.md says what the code does."""

import re
from pathlib import Path

import pytest

from streams.contract.catalog import parse_catalog_item, parse_profile
from streams.contract.dead_letters import DeadLetter
from streams.contract.event_weights import FINISHED_PCT, WEIGHTS
from streams.contract.events import EventType, Reason, WireInteraction, parse_interaction
from streams.contract.links import parse_link
from streams.contract.partitioning import partition_of

TEXT = (Path(__file__).parents[2] / "docs" / "producing.md").read_text(encoding="utf-8")
LATER_MS = 1_800_000_000_000


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def rows_after(heading: str) -> dict[str, str]:
    """First cell (names in backticks, split) to second cell of the table that follows a heading."""
    table = TEXT.split(heading, 1)[1].split("\n| ", 1)[1].split("\n\n", 1)[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return {name: row[1] for row in cells for name in re.findall(r"`([^`]+)`", row[0])}


def test_the_examples_of_events_are_accepted() -> None:
    events = [parse_interaction(block.encode(), LATER_MS) for block in blocks("json")]
    assert [event.event_type.value for event in events] == ["play", "rating", "search"]


def test_the_examples_of_an_item_a_profile_and_a_link_are_accepted() -> None:
    (item,), (profile,) = blocks("json catalog.items"), blocks("json users.profiles")
    (link,) = blocks("json users.links")
    assert parse_link(b"anon-7f3a", link.encode()) is not None
    assert parse_catalog_item(b"m42", item.encode()) is not None
    assert parse_profile(b"u17", profile.encode()) is not None


@pytest.mark.parametrize("code", blocks("python"))
def test_the_programs_are_python(code: str) -> None:
    compile(code, "docs/producing.md", "exec")


def test_every_reason_is_explained() -> None:
    assert set(rows_after("## What is refused")) == {reason.value for reason in Reason}


def test_every_type_has_its_weight() -> None:
    said = rows_after("### Types and what they weigh")
    assert set(said) == {kind.value for kind in EventType} - {"rating"}
    assert {name: int(weight) for name, weight in said.items()} == {kind.value: n for kind, n in WEIGHTS.items()}
    assert f"`completion_pct` is {FINISHED_PCT:g} or more" in TEXT


def test_every_field_is_named() -> None:
    fields = TEXT.split("## An event", 1)[1].split("A rating and a search", 1)[0]
    assert [name for name in WireInteraction.__struct_fields__ if f"`{name}`" not in fields] == []


def test_every_header_is_named() -> None:
    dead_letter = DeadLetter(b"k", b"x" * 2_000_000, Reason.NOT_JSON, "d", "t", 0, 0, 0, redriven="0:1")
    written = {name for name, _ in dead_letter.to_record().headers} | {"freshet.no_value"}
    assert written == set(re.findall(r"`(freshet\.\w+)`", TEXT))


def test_the_check_of_a_partitioner_is_right() -> None:
    assert partition_of(b"foobar", 4) == 2
    assert "with 4 partitions `foobar` belongs in\npartition 2" in TEXT
