"""`freshet publish` and `freshet simulate` as a producer meets them, against a real Kafka."""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from harness import patience

from ops.exit_codes import ExitCode
from ops.local_stack.stack import LocalStack
from streams.kafka.bulk_read import read_topics
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]
Log = dict[bytes | None, list[bytes | None]]


def run_freshet(*arguments: str, stdin: str = "", **variables: str) -> Done:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
    return patience.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        env=environment | variables,
        stdin=stdin,
        limit_s=120,
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
    lines = [click(1), "malformed", "", click(2, timestamp=1_700_000_000), click("ü", extra=[1]), click(None)]
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


FORMS = {
    "bom": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "zstd": lambda text: zstandard.compress(text.encode()),
    "array": lambda text: ("[" + ",\n".join(text.splitlines()) + "]").encode(),
}


@pytest.mark.stack
async def test_files_however_they_were_written(freshet: Run, stack: LocalStack, namespace: str, tmp_path: Path) -> None:
    expected: Log = {}
    for form, write in FORMS.items():
        lines = [click(f"ü {form}", event_id=str(n)) for n in range(3)]
        expected[f"ü {form}".encode()] = [line.encode() for line in lines]
        (tmp_path / form).write_bytes(write("\n".join(lines) + "\n"))
        done = freshet("publish", str(tmp_path / form), "--json")
        assert (done.returncode, last_line(done)["published"]) == (ExitCode.OK, 3), done
    (tmp_path / "latin").write_bytes(click("é").replace("\\u00e9", "é").encode("latin-1"))
    assert freshet("publish", str(tmp_path / "latin"), "--encoding", "latin-1").returncode == ExitCode.OK
    found = await log_of(stack, Topics(namespace).interactions)
    assert found.pop("é".encode())
    assert found == expected


@pytest.mark.stack
async def test_a_mark_before_the_first_line_of_standard_input(freshet: Run, stack: LocalStack, namespace: str) -> None:
    done = freshet("publish", "-", stdin="\ufeff" + click(1) + "\n" + click(2) + "\n")
    assert done.returncode == ExitCode.OK, done.stderr
    assert (await log_of(stack, Topics(namespace).interactions)).keys() == {b"1", b"2"}


def test_a_file_that_cannot_be_read_sends_nothing(tmp_path: Path) -> None:
    good = click("é").encode("latin-1") + b"\n"
    for data, words in [
        (good + b'{"user_id": "\xe9"}', "is not UTF-8 at byte"),
        (gzip.compress(good)[:-5], "the gzip data is cut off"),
        (b"[" + good, "begins like a JSON array and is none"),
        (b"user,item\n1,2\n", "no line looks like JSON"),
    ]:
        (tmp_path / "events").write_bytes(data)
        done = run_freshet("publish", str(tmp_path / "events"), FRESHET_KAFKA_BOOTSTRAP="127.0.0.1:1")
        assert done.returncode == ExitCode.USAGE, done
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    done = run_freshet("publish", str(tmp_path / "events"), "--encoding", "klingon")
    assert done.returncode == ExitCode.USAGE
    assert "'klingon' is no encoding" in " ".join(done.stderr.split())


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


ADVERSARIAL = [f"--{name}-share=0.1" for name in ("late", "ahead", "future", "too-old")] + ["--bots=1"]


@pytest.mark.stack
async def test_a_simulated_world(freshet: Run, stack: LocalStack, namespace: str) -> None:
    arguments = ["--users", "30", "--items", "40", "--events", "400", "--rate", "max", "--malformed-share", "0.1"]
    done = freshet("simulate", *arguments, "--wrong-partition-share", "0.05", *ADVERSARIAL, "--json")
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
