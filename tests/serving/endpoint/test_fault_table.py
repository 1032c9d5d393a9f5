"""The table of faults, in its short form: a server under load while each thing around it breaks."""

from __future__ import annotations

import importlib
import json
import sys

import pytest
from harness import patience

from .conftest import REPOSITORY

FAULTS = {
    "kafka SIGSTOP",
    "kafka kill -9",
    "redis SIGSTOP",
    "redis kill -9",
    "redis restart",
    "redis wiped",
    "redis slow by 100 ms",
    "endpoint worker kill -9",
}


def test_no_fault_costs_an_answer() -> None:
    command = [sys.executable, "bench/endpoint_faults.py", "--rate", "300", "--seconds", "1", "--json"]
    done = patience.run(command, cwd=REPOSITORY, limit_s=280)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["fault"]: row for row in json.loads(done.stdout.splitlines()[-1])["rows"]}
    assert set(rows) == FAULTS
    for name, row in rows.items():
        assert (row["not_200"], row["foreign"], row["empty"]) == (0, 0, 0), row
        assert row["broken_connections"] == 0 or name == "endpoint worker kill -9", row
        assert row["answers"] > 100, row
    for name in ("redis SIGSTOP", "redis kill -9", "redis wiped", "redis slow by 100 ms"):
        assert rows[name]["fallbacks"] > 0, f"{name} was never felt"
    assert rows["redis wiped"]["published"] == rows["redis slow by 100 ms"]["published"] == 0, "Kafka was not gone"
    assert sum(row["publish_dropped"] for row in rows.values()) > 0  # which is known when a send has timed out


def test_an_answer_made_of_another_users_items_is_seen_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "bench"))
    answer_of = importlib.import_module("endpoint_http").Answer

    def belongs(source: str, *items: str) -> bool:
        listed = ",".join(f'{{"item_id":"{item}"}}' for item in items)
        body = f'{{"user_id":"u7","source":"{source}","recommendations":[{listed}]}}'
        return bool(answer_of(200, body.encode(), 7, 0.0, False).belongs_to(7))

    assert belongs("personal", "i7-0", "i7-1")
    assert belongs("popular", "i0-0")
    assert not belongs("personal", "i7-0", "i8-1")
    assert not belongs("personal")
    assert not belongs("popular", "i7-0")
    assert not belongs("popular")  # a fallback without items is no fallback
