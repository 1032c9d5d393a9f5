"""Logs: names of events are complete and unique, a flood is counted and not written, and every line is JSON."""

import ast
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.configuration.settings_sources import load_settings
from ops.processes.log_events import EVENTS, event_of
from ops.processes.logs import MOST_SENTENCES, JsonFormatter, RepeatLimit, log_as

ROOT = Path(__file__).parents[3]
METHODS = ("debug", "info", "warning", "error", "critical", "exception", "log")
#: Commands that end print for people.
COMMANDS = ("ops/operator/", "ops/local_stack/", "ops/demo/")


def sentences() -> Iterator[tuple[str, str, str]]:
    """(file, logger, sentence) of everything that long-running processes may log."""
    for package in ("agents", "ops", "serving", "streams", "tables", "ranking", "offline"):
        for path in sorted((ROOT / package).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            if file.startswith(COMMANDS):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                    owner = node.func.value
                    if isinstance(owner, ast.Name) and owner.id in ("logger", "log", "logging"):
                        said = node.args[1 if node.func.attr == "log" else 0]
                        name = "root" if owner.id == "logging" else file.removesuffix(".py").replace("/", ".")
                        assert isinstance(said, ast.Constant), f"{file}:{node.lineno}: the sentence is made up"
                        yield file, name, str(said.value)


def test_whatever_is_logged_has_a_name_and_no_name_is_left_over() -> None:
    said = list(sentences())
    assert len(said) > 40
    for file, logger, sentence in said:
        named = [begin for begin in EVENTS.get(logger, {}) if sentence.startswith(begin)]
        assert len(named) == 1, f"{file}: {sentence!r} has {len(named)} names in ops/processes/log_events.py"
    spoken = {(logger, sentence) for _, logger, sentence in said}
    for logger, begins in EVENTS.items():
        for begin in begins:
            assert any(name == logger and sentence.startswith(begin) for name, sentence in spoken), (logger, begin)


def entry(
    message: str, *arguments: object, name: str = "agents.worker", error: Exception | None = None
) -> logging.LogRecord:
    info = (type(error), error, None) if error is not None else None
    return logging.LogRecord(name, logging.WARNING, "worker.py", 1, message, arguments, info)


def test_a_line_is_an_object_whatever_was_said() -> None:
    line = JsonFormatter(process="worker").format(
        entry("worker ready: group %s", 'a"b\n\u2028c', error=ValueError("x"))
    )
    assert "\n" not in line
    read = json.loads(line)
    assert read["event"] == "worker_ready" == event_of("agents.worker", "worker ready: group %s")
    assert read["message"] == 'worker ready: group a"b\n\u2028c'
    assert (read["level"], read["process"], read["logger"]) == ("WARNING", "worker", "agents.worker")
    assert read["error"].endswith("ValueError: x")
    assert datetime.fromisoformat(read["time"]).tzinfo == UTC
    assert "event" not in json.loads(JsonFormatter().format(entry("hello", name="somebody.else")))


def test_a_flood_is_counted_and_each_sentence_has_its_own() -> None:
    now_s = 100.0
    limit = RepeatLimit(most=3, clock=lambda: now_s)
    written = [limit.filter(entry("no news: %s", number)) for number in range(10)]
    assert written == [True] * 3 + [False] * 7
    assert limit.filter(entry("other news: %s", 1))
    assert limit.filter(entry("no news: %s", 1, name="other"))
    now_s += 60.0
    after = entry("no news: %s", 11)
    assert limit.filter(after)
    assert (after.suppressed, after.more) == (7, " (7 more like it)")  # type: ignore[attr-defined]
    assert json.loads(JsonFormatter().format(after))["suppressed"] == 7


def test_finished_texts_of_libraries_take_no_room_for_ever() -> None:
    limit = RepeatLimit()
    for number in range(3 * MOST_SENTENCES):
        assert limit.filter(entry(f"task {number} failed", name="asyncio"))
    assert len(limit._minutes) <= MOST_SENTENCES


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_both_formats_write_to_standard_error(
    log_format: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    monkeypatch.setenv("FRESHET_LOG_FORMAT", log_format.upper())
    try:
        log_as(load_settings(), "sink")
        logging.getLogger("agents.worker").warning("worker ready: group %s", "g")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    out, err = capsys.readouterr()
    assert out == ""
    if log_format == "json":
        assert json.loads(err)["event"] == "worker_ready"
    else:
        assert err.endswith("WARNING agents.worker: worker ready: group g\n")
