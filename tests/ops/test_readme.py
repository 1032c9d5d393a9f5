"""What the README promises exists."""

import re
from pathlib import Path

import pytest
import typer.main

from ops.cli import build_app
from streams.contract.events import parse_interaction

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_example_event_is_accepted() -> None:
    (example,) = re.findall(r'^ {4}(\{"event_type".*\})$', README, flags=re.MULTILINE)

    event = parse_interaction(example.encode(), append_time_ms=1_767_225_600_000)

    assert (event.user_id, event.item_id) == ("u17", "m42")


def test_every_command_exists() -> None:
    commands = set(typer.main.get_command(build_app()).commands)  # type: ignore[attr-defined]  # it is a group
    named = set(re.findall(r"(?:^ {4}|`|bin/)freshet ([a-z]+)", README, flags=re.MULTILINE))

    assert named
    assert named - commands == set()


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", README, flags=re.MULTILINE))

    assert {"demo", "test", "check", "help"} <= named <= targets


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^):]+)\)", README))))
def test_every_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
