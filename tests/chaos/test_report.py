"""A session passes only when everything ran and nothing changed."""

import json
from dataclasses import replace

import pytest
from ledger import Balance
from report import FaultResult, Report


def clean() -> Report:
    return Report([FaultResult("kill", runs=1, events=10, full_service_s=1.26)], rows_differ=0, lists_behind=0)


def test_the_json_line() -> None:
    fault = {"fault": "kill", "runs": 1, "events": 10, "lost": 0, "doubled": 0}
    fault |= {"contents_differ": 0, "full_service_s": 1.3, "exits": []}
    assert clean().passed
    assert json.loads(clean().json_line()) == {
        "lost": 0,
        "doubled": 0,
        "rows_differ": 0,
        "lists_behind": 0,
        "faults": [fault],
    }


@pytest.mark.parametrize(
    "report",
    [
        Report(rows_differ=0, lists_behind=0),
        replace(clean(), faults=[FaultResult("kill", balance=Balance(lost=1))]),
        replace(clean(), faults=[FaultResult("kill", balance=Balance(doubled=1))]),
        replace(clean(), faults=[FaultResult("kill", contents_differ=1)]),
        replace(clean(), rows_differ=1),
        replace(clean(), rows_differ=None),
        replace(clean(), lists_behind=1),
        replace(clean(), failed="not caught up"),
    ],
)
def test_anything_else_fails(report: Report) -> None:
    assert not report.passed
