"""A fold that writes other bytes has another number, and another number means other bytes; nothing else counts."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import golden_digests
import pytest
from golden_digests import NUMBERS, complaint, computed, note, recorded, same, user_steps
from golden_log import EVENTS, golden_events

from streams.contract.events import EventType, WireInteraction
from streams.contract.reasons import Reason
from tables import user_keys, user_row

ROOT = Path(__file__).parents[2]
COMMAND = "python tests/support/golden_digests.py --record"


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    return computed()


@pytest.mark.parametrize("name", NUMBERS)
def test_the_fold_writes_what_is_recorded_for_its_number(found: dict[str, dict[str, Any]], name: str) -> None:
    history, number = recorded()[name], NUMBERS[name]
    assert complaint(name, number, found[name], history) is None
    assert same(history.get(str(number), {}), found[name]), f"not recorded yet: {COMMAND}"


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_grow_one_by_one_and_only_with_a_reason(name: str) -> None:
    history = recorded()[name]
    assert list(history) == [str(number) for number in range(1, NUMBERS[name] + 1)]
    for number, gave in history.items():
        others = {other: theirs for other, theirs in history.items() if other != number}
        assert complaint(name, int(number), gave, others) is None


def test_a_changed_fold_is_not_recorded_under_its_number_nor_an_unchanged_one_under_a_new_number(
    found: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    history: dict[str, dict[str, dict[str, Any]]] = {}
    assert note(found, history) == []
    assert note(found, history) == []  # nothing new
    changed = copy.deepcopy(found)
    changed["FOLD_VERSION"]["deltas"] = "other"
    changed["ITEM_FOLD_VERSION"]["weights"]["neighbours"][2] *= 1.001
    before = copy.deepcopy(history)
    numbers = dict(NUMBERS)
    assert note(changed, history) == [
        f"{name} {number} wrote other rows: the fold was changed. Raise {name} in tables/fold_version.py"
        for name, number in numbers.items()
    ]
    monkeypatch.setattr(golden_digests, "NUMBERS", {name: number + 1 for name, number in numbers.items()})
    assert note(found, history) == [
        f"{name} {number + 1} writes the rows of {name} {number}: take that number back"
        for name, number in numbers.items()
    ]
    assert history == before
    assert note(changed, history) == []
    assert [len(gave) for gave in history.values()] == [2, 2]


def test_the_log_holds_everything_that_a_fold_tells_apart() -> None:
    text = b"".join(value for _, _, value in golden_events()).decode()
    assert all(f'"event_type": "{kind}"' in text for name in EventType for kind in (name.value, name.value.upper()))
    rows, reasons, planes = [], set(), []
    for folded in user_steps():
        planes.append(folded.step.plane)
        reasons |= {dead_letter[0] for dead_letter in folded.dead_letters}
        rows += [user_row.CODEC.decode(row) for key, row in folded.store.items() if key[:1] == user_keys.USER]
    assert all(min(plane.late, plane.too_old, plane.watermark_ms) > 0 for plane in planes)
    assert sum(plane.erased for plane in planes) > 20
    assert sum(row.duplicates for row in rows) > 20
    assert sum(row.cleaning.flagged for row in rows) > 20
    assert sum(row.cleaning.capped for row in rows) > 20
    assert max(len(row.history.items) for row in rows) == golden_digests.LIMITS.history
    assert max(len(row.watching) for row in rows) > 5
    expected = {Reason.NOT_JSON, Reason.WRONG_PARTITION, Reason.TOO_OLD, Reason.TIMESTAMP_IN_FUTURE}
    expected |= {Reason.MISSING_FIELD, Reason.OUT_OF_RANGE}
    assert {reason.value.encode() for reason in expected} <= reasons


def test_the_log_holds_every_field_that_an_event_may_have() -> None:
    """Whoever reads another field adds it here; then the digests say whether rows are others, and the number rises."""
    sent = [event for _, _, value in golden_events() if isinstance(event := _read(value), dict)]
    for field in WireInteraction.__struct_fields__:
        assert sum(bool(event.get(field)) for event in sent) > EVENTS // 100, field
        assert len({repr(event.get(field)) for event in sent}) > 1, field


def _read(value: bytes) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return None


def digests_of(python: str, **environment: str) -> Any:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    done = subprocess.run(
        [python, "-X", "utf8=0", str(ROOT / "tests" / "support" / "golden_digests.py")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        cwd="/",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return json.loads(done.stdout)


@pytest.mark.parametrize("locale", ["C", "de_DE.ISO-8859-1"])
def test_no_locale_changes_a_fold(found: dict[str, dict[str, Any]], locale: str) -> None:
    assert same(digests_of(sys.executable, LC_ALL=locale, PYTHONHASHSEED="7"), found)


@pytest.mark.skipif("FRESHET_TEST_PYTHONS" not in os.environ, reason="no other Python is named")
def test_no_release_of_python_changes_a_fold(found: dict[str, dict[str, Any]]) -> None:
    """`FRESHET_TEST_PYTHONS`: interpreters, joined by `:`, each of an environment with what Freshet needs."""
    for python in os.environ["FRESHET_TEST_PYTHONS"].split(os.pathsep):
        assert same(digests_of(python), found), python
