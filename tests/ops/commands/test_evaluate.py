"""`freshet evaluate` from the command line: files in, figures out, and what is wrong said with exit code 2."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli import build_app
from ops.commands.evaluate import CannotEvaluate
from ops.exit_codes import ExitCode

COLUMNS = ["--columns", "user=u,item=i,time=t"]


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.csv"
    lines = [f"{user},{item},{1_700_000_000 + 1000 * user + item}" for user in range(12) for item in range(6)]
    path.write_text("\n".join(["u,i,t", *lines]))
    return path


def run(*arguments: object) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(build_app(), ["evaluate", *map(str, arguments)])
    return result.exit_code, result.output, result.exception


def test_any_csv(events: Path, tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    items.write_text("id,name,kinds\n0,Zero,Drama\n1,One,War\n")
    picture = tmp_path / "quality.svg"
    code, output, _ = run(
        "--events", events, *COLUMNS, "--items", items, "--columns", "item=id,title=name,genres=kinds",
        "--from-fraction", "0.5", "--models", "freshet,popularity,item_knn", "--picture", picture, "--json",
    )  # fmt: skip
    assert code == ExitCode.OK
    report = json.loads(output.splitlines()[-1])
    assert (report["events"], report["evaluated"], report["from_event"]) == (72, 36, 36)
    assert list(report["models"]) == ["freshet", "popularity", "item_knn"]
    assert "HR@10" in output
    assert picture.exists()


def test_a_sample_and_a_lag(events: Path) -> None:
    code, output, _ = run(
        "--events", events, *COLUMNS, "--every", 4, "--models", "freshet", "--production-lag", 5000,
        "--no-whole-lists", "--json",
    )  # fmt: skip
    assert code == ExitCode.OK
    report = json.loads(output.splitlines()[-1])
    assert report["evaluated"] == 4
    assert (report["every"], report["production_lag_ms"]) == (4, 5000)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "name a data set"),
        (["ml-100k", "--events", "EVENTS", *COLUMNS], "not both"),
        (["ml-100k", "--log"], "give one of"),
        (["--events", "EVENTS"], "--columns is needed once for --events and once for --items: 1, not 0"),
        (["--events", "EVENTS", "--columns", "user=u,item=i,time=x"], "has no column 'x'"),
        (["--events", "EVENTS", "--events", "EVENTS", *COLUMNS], "a file is given twice"),
        (
            ["--events", "EVENTS", *COLUMNS, "--refits", "3", "--protocol", "leave-one-out"],
            "is of --protocol prequential",
        ),
        (["--events", "EVENTS", *COLUMNS, "--models", "magic"], "no model magic"),
        (["--events", "EVENTS", *COLUMNS, "--from-fraction", "1"], "must be below"),
        (["--events", "EVENTS", *COLUMNS, "--models", "popularity", "--picture", "no/where.png"], "no/where.png"),
        (["ml-1m", "--data", "nowhere"], "no MovieLens 1M"),
    ],
)
def test_wrong_usage(events: Path, arguments: list[str], problem: str) -> None:
    _, _, failure = run(*(str(events) if argument == "EVENTS" else argument for argument in arguments))
    assert isinstance(failure, CannotEvaluate)
    assert failure.code is ExitCode.USAGE
    assert problem in str(failure)


def test_several_files_are_one_log(events: Path, tmp_path: Path) -> None:
    head, *lines = events.read_text().splitlines()
    parts = [tmp_path / "odd.1.csv", tmp_path / "odd.csv"]  # names that are easily taken for each other
    for number, part in enumerate(parts):
        part.write_text("\n".join([head, *lines[number::2]]))
    asked = [*COLUMNS, "--models", "freshet,ease_nightly", "--refits", 3, "--json"]
    whole, of_parts = (
        json.loads(run(*(one for file in files for one in ("--events", file)), *asked)[1].splitlines()[-1])
        for files in ([events], parts)
    )
    assert of_parts == whole
    assert whole["events"] == 72


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("u,i,t\n1,a,1700000000\n1,b,later\n")
    _, _, failure = run("--events", path, *COLUMNS)
    assert isinstance(failure, CannotEvaluate)
    assert "row 2, column t: time 'later' is not a number of seconds" in str(failure)


def test_bad_rows_may_be_skipped(events: Path) -> None:
    with events.open("a") as more:
        more.write("\nNULL,1,1700000000\n1,1,1345382\n1,1\n")
    code, output, _ = run("--events", events, *COLUMNS, "--skip-bad-rows", "--models", "popularity", "--json")
    assert code == ExitCode.OK
    report = json.loads(output.splitlines()[-1])
    assert report["events"] == 72
    assert report["bad_rows"]["count"] == 3
    assert "skipped: " in output
    assert f"{events}, row 74, column t: time '1345382' is not between" in output
    assert "3 rows that cannot be used are left out" in output


def test_items_that_nothing_joins_are_counted(events: Path, tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    items.write_text("id\n0.0\n1.0\nx2\n")
    code, output, _ = run(
        "--events", events, *COLUMNS, "--items", items, "--columns", "item=id", "--models", "popularity", "--json"
    )  # fmt: skip
    assert code == ExitCode.OK
    assert json.loads(output.splitlines()[-1])["items_not_described"] == 4
    assert "4 of 6 items of the events are not in the items file, for example '2'" in output


def test_a_file_in_another_encoding_with_another_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    lines = [f"é{user}^{item}^{1_700_000_000 + 1000 * user + item},5" for user in range(12) for item in range(6)]
    path.write_bytes("\n".join(["u^i^t", *lines]).encode("latin-1"))
    _, _, failure = run("--events", path, *COLUMNS, "--delimiter", "^")
    assert isinstance(failure, CannotEvaluate)
    assert "--encoding" in str(failure)
    code, output, _ = run(
        "--events", path, *COLUMNS, "--delimiter", "^", "--encoding", "latin-1", "--models", "popularity", "--json"
    )  # fmt: skip
    assert code == ExitCode.OK
    assert json.loads(output.splitlines()[-1])["users"] == 12


def test_held_out_targets_and_their_split(tmp_path: Path) -> None:
    events, split = tmp_path / "turned.csv", tmp_path / "split.csv"
    lines = [f"{user},{(user + at) % 8},{1_700_000_000 + 1000 * user + at}" for user in range(12) for at in range(6)]
    events.write_text("\n".join(["u,i,t", *lines]))
    asked = ["--events", events, *COLUMNS, "--models", "freshet,popularity", "--json", "--protocol"]
    code, output, _ = run(*asked, "leave-one-out", "--write-split", split)
    assert code == ExitCode.OK
    report = json.loads(output.splitlines()[-1])
    assert (report["learned"], report["evaluated"]) == (60, 12)
    assert report["models"]["freshet"]["candidate_recall"] == 1.0
    assert report["models"]["popularity"]["candidate_recall"] is None
    assert {"hr_at_1", "mrr_at_5", "gini_at_10"} <= report["models"]["freshet"].keys()
    assert "freshet: HR@10" in output
    code, output, _ = run(*asked, "time-split", "--split", split)
    assert code == ExitCode.OK
    assert json.loads(output.splitlines()[-1])["models"] == report["models"]
    _, _, failure = run("--events", events, *COLUMNS, "--split", split)
    assert "are of --protocol" in str(failure)
    _, _, failure = run("--events", events, *COLUMNS, "--sequence-model", split)
    assert "is no sequence model to rank with" in str(failure)
