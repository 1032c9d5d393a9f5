"""deploy/monitoring/: rules that mean what they say, run books for all of them, and no metric that does not exist."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.prometheus import HOW_TO_INSTALL, MONITORING, RULES, is_installed, quick_rules

from ops.metrics_docs import table

ROOT = MONITORING.parents[1]
TESTS = RULES.with_name("freshet_test.yml")
DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
_NAME = re.compile(r"\bfreshet_[a-z0-9_]+")
_OF_HISTOGRAMS = re.compile(r"_(bucket|sum|count)$")

needs_prometheus = pytest.mark.skipif(not is_installed(), reason=HOW_TO_INSTALL)


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["panels"]
    return found


def unknown_metrics(expression: str) -> set[str]:
    """Names in an expression that the table does not have."""
    known = {name: metric.kind for name, (metric, _) in table().items()}
    labels = {label for metric, _ in table().values() for label in metric.labels}
    names = set(_NAME.findall(expression)) - labels
    return {name for name in names if name not in known and known.get(_OF_HISTOGRAMS.sub("", name)) != "histogram"}


@needs_prometheus
def test_each_alert_fires_and_is_silent_in_its_unit_tests() -> None:
    for command in (["check", "rules", RULES.name], ["test", "rules", TESTS.name]):
        ended = subprocess.run(["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "for: 1s" in quick_rules()


@needs_prometheus
def test_every_expression_of_a_panel_is_one(tmp_path: Path) -> None:
    expressions = [target["expr"] for path in DASHBOARDS for panel in panels(path) for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    ended = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(expressions) > 50


@needs_prometheus
def test_the_configuration_is_one() -> None:
    ended = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=MONITORING, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_has_unit_tests_for_both() -> None:
    cases = yaml.safe_load(TESTS.read_text())["tests"]
    outcomes = {(one["alertname"], bool(one["exp_alerts"])) for case in cases for one in case["alert_rule_test"]}
    assert outcomes == {(rule["alert"], fires) for rule in alerts() for fires in (True, False)}


def test_each_alert_names_a_section_of_the_run_book() -> None:
    book = (ROOT / "docs" / "operations.md").read_text()
    sections = {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#{2,4} (.+)$", book, re.MULTILINE)
    }
    for rule in alerts():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in sections, f"{rule['alert']}: there is no section {anchor}"
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket")


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_rules_know_no_metric_that_is_not_documented(rule: dict[str, Any]) -> None:
    assert unknown_metrics(rule["expr"]) == set()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_know_no_metric_that_is_not_documented(path: Path) -> None:
    source = yaml.safe_load((MONITORING / "grafana/provisioning/datasources/freshet.yml").read_text())
    (uid,) = {one["uid"] for one in source["datasources"]}
    for panel in panels(path):
        assert panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == panel["datasource"]["uid"] == uid
            assert unknown_metrics(target["expr"]) == set(), panel["title"]


def test_there_are_four_dashboards_and_each_metric_of_operation_is_on_one() -> None:
    assert [path.stem for path in DASHBOARDS] == ["endpoint", "experiments", "operator", "quality"]
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    assert len({board["uid"] for board in boards}) == len(boards)
    assert all(len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) for board in boards)


def test_a_metric_that_nobody_exports_would_be_found() -> None:
    assert unknown_metrics("rate(freshet_records_total[5m]) / freshet_lagg") == {"freshet_lagg"}
    assert unknown_metrics("freshet_freshness_seconds_bucket + freshet_position_bucket") == {"freshet_position_bucket"}
