"""`freshet publish` and `freshet simulate` as a producer meets them, against a real Kafka."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.exit_codes import ExitCode
from ops.local_stack.stack import LocalStack
from streams.bulk_read import read_topics
from streams.topics import Topics
from streams.topics_admin import ensure_topics

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]
Log = dict[bytes | None, list[bytes | None]]


def run_freshet(*arguments: str, stdin: str = "", **variables: str) -> Done:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
    return subprocess.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        env=environment | variables,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def freshet(stack: LocalStack, namespace: str) -> Run:
    """The program with the topics of a namespace of its own."""
    ensure_topics(stack.bootstrap, Topics(namespace), partitions=3, replication=1, timeout_s=30.0)

    def run(*arguments: str, stdin: str = "") -> Done:
        return run_freshet(
            *arguments, stdin=stdin, FRESHET_KAFKA_BOOTSTRAP=stack.bootstrap, FRESHET_NAMESPACE=namespace
        )

    return run


async def log_of(stack: LocalStack, topic: str) -> Log:
    log: Log = {}
    await read_topics(stack.bootstrap, [topic], lambda record: log.setdefault(record.key, []).append(record.value))
    return log


def click(user: str | int, **fields: object) -> str:
    event = {"event_type": "click", "user_id": user, "item_id": "i", "timestamp": time.time_ns() // 1_000_000} | fields
    return json.dumps(event)


def last_line(done: Done) -> dict[str, object]:
    answer = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(answer, dict)
    return answer


@pytest.mark.stack
async def test_good_lines_go_on_past_bad_ones(freshet: Run, stack: LocalStack, namespace: str, tmp_path: Path) -> None:
    lines = [click(1), "garbage", "", click(2, timestamp=1_700_000_000), click("ü", extra=[1]), click(None)]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    done = freshet("publish", str(file), "--json")
    assert done.returncode == ExitCode.CHECK_FAILED
    complaints = done.stderr.splitlines()
    assert [line.split(":")[:2] for line in complaints] == [
        ["line 2", " not_json"],
        ["line 4", " timestamp_in_seconds"],
        ["line 6", " missing_field"],
    ]
    summary = last_line(done)
    assert (summary["published"], summary["rejected"]) == (2, 3)
    assert summary["rejected_by_reason"] == {"missing_field": 1, "not_json": 1, "timestamp_in_seconds": 1}
    topic = Topics(namespace).interactions
    assert await log_of(stack, topic) == {b"1": [lines[0].encode()], "ü".encode(): [lines[4].encode()]}


@pytest.mark.stack
async def test_items_from_standard_input(freshet: Run, stack: LocalStack, namespace: str) -> None:
    done = freshet(
        "publish", "-", "--topic", "catalog", stdin='{"item_id": 5, "title": "Five"}\n{"title": "nameless"}\n'
    )
    assert done.returncode == ExitCode.CHECK_FAILED
    assert "line 2: missing_field: item_id" in done.stderr
    assert "1 records published, 1 lines rejected" in done.stdout
    assert await log_of(stack, Topics(namespace).catalog) == {b"5": [b'{"item_id": 5, "title": "Five"}']}


@pytest.mark.stack
async def test_a_data_set(freshet: Run, stack: LocalStack, namespace: str, tmp_path: Path) -> None:
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    (folder / "u.data").write_text("".join(f"{n % 3}\t1\t4\t{880_000_000 + n}\n" for n in range(1, 11)))
    (folder / "u.genre").write_text("unknown|0\n")
    (folder / "u.item").write_text("1|One (1990)|||x|0\n")
    (folder / "u.user").write_text("1|24|M|x|y\n2|25|F|x|y\n")
    done = freshet("publish", "--dataset", "ml-100k", str(tmp_path), "--limit", "7", "--speed", "1000", "--json")
    assert done.returncode == ExitCode.OK, done.stderr
    topics = Topics(namespace)
    assert last_line(done)["published_by_topic"] == {topics.catalog: 1, topics.profiles: 2, topics.interactions: 7}
    log = await log_of(stack, topics.interactions)
    events = [json.loads(value or b"") for values in log.values() for value in values]
    assert {event["event_id"] for event in events} == {f"ml-100k:{line}" for line in range(1, 8)}
    assert abs(max(event["timestamp"] for event in events) - time.time_ns() // 1_000_000) < 120_000


UNRULY = [f"--{name}-share=0.1" for name in ("late", "ahead", "future", "too-old")] + ["--bots=1"]


@pytest.mark.stack
async def test_a_simulated_world(freshet: Run, stack: LocalStack, namespace: str) -> None:
    arguments = ["--users", "30", "--items", "40", "--events", "400", "--rate", "max", "--garbage-share", "0.1"]
    done = freshet("simulate", *arguments, "--wrong-partition-share", "0.05", *UNRULY, "--json")
    assert done.returncode == ExitCode.OK, done.stderr
    truth = last_line(done)
    assert all(truth[name] for name in ("late", "ahead", "by_bots"))
    assert {"too_old", "timestamp_in_future"} <= set(json.loads(json.dumps(truth["dead_letters_by_reason"])))
    assert truth["published"] == 400
    log = await log_of(stack, Topics(namespace).interactions)
    values = [value for values in log.values() for value in values]
    assert len(values) == 400
    assert truth["folded"] == 400 - int(str(truth["duplicates"])) - int(str(truth["dead_letters"]))
    assert sum(json.loads(json.dumps(truth["dead_letters_by_reason"])).values()) == truth["dead_letters"]
    assert len(set(values)) < 400  # duplicates are byte for byte what they repeat


def test_missing_input_is_a_usage_error(tmp_path: Path) -> None:
    nowhere = {"FRESHET_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    for arguments, message in [
        (["publish", str(tmp_path / "none.jsonl")], "cannot be read: No such file"),
        (["publish", str(tmp_path)], "is a folder"),
        (["publish", "--dataset", "ml-100k", str(tmp_path)], "no MovieLens 100K in"),
        (["publish", "--dataset", "netflix", str(tmp_path)], "netflix"),
        (["publish", "--speed", "fast", "-"], "neither a number"),
        (["simulate", "--rate", "0"], "neither a number"),
    ]:
        done = run_freshet(*arguments, **nowhere)
        assert done.returncode == ExitCode.USAGE, done
        assert message in done.stderr


def test_no_kafka_is_said_with_its_address() -> None:
    done = run_freshet("publish", "-", stdin=click(1), FRESHET_KAFKA_BOOTSTRAP="127.0.0.1:1")
    assert done.returncode == ExitCode.UNREACHABLE
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
