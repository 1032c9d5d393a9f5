"""Anybody's CSV or Parquet: what is read, and what is said about what cannot be read."""

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offline.datasets.column_map import ColumnMap
from offline.datasets.dataset import DatasetError
from offline.datasets.own_files import OwnFiles, TableFile
from offline.datasets.rows import EventRow, ItemRow

COLUMNS = "user=who,item=what,time=when"


def events_of(path: Path, columns: str = COLUMNS) -> list[EventRow]:
    return list(OwnFiles(TableFile(path, ColumnMap.of_events(columns))).events())


def csv(folder: Path, text: str) -> Path:
    path = folder / "log.csv"
    path.write_text(text)
    return path


def test_events_of_a_csv_by_time(tmp_path: Path) -> None:
    path = csv(tmp_path, "what,extra,who,when\nb,x,2,1700000001\n\na,,1,1700000000.5\n")
    assert events_of(path) == [
        EventRow("log:3", "view", "1", 1_700_000_000_500, item_id="a"),
        EventRow("log:1", "view", "2", 1_700_000_001_000, item_id="b"),
    ]


def test_ratings_and_other_separators(tmp_path: Path) -> None:
    path = csv(tmp_path, "who;what;when;stars\n1;a;2023-11-14T22:13:20;4.5\n")
    expected = EventRow("log:1", "rating", "1", 1_700_000_000_000, item_id="a", rating=4.5)
    assert events_of(path, COLUMNS + ",rating=stars") == [expected]


@pytest.mark.parametrize("when", ["1700000000", "1700000000000", "2023-11-14 22:13:20", "2023-11-14T23:13:20+01:00"])
def test_the_unit_of_time_is_detected(tmp_path: Path, when: str) -> None:
    assert events_of(csv(tmp_path, f"who,what,when\n1,a,{when}\n"))[0].timestamp == 1_700_000_000_000


def test_the_unit_of_time_may_be_stated(tmp_path: Path) -> None:
    path = csv(tmp_path, "who,what,when\n1,a,1700000000\n2,b,1700000000000\n")
    with pytest.raises(DatasetError, match="row 2"):
        events_of(path)
    with pytest.raises(DatasetError, match=r"row 1: .*\(read as ms\)"):
        events_of(path, "user=who,item=what,time=when:ms")
    assert (
        events_of(csv(tmp_path, "who,what,when\n1,a,200000000000\n"), COLUMNS + ":ms")[0].timestamp == 200_000_000_000
    )


def test_events_of_a_parquet(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    moment = datetime.datetime(2023, 11, 14, 22, 13, 20)
    pq.write_table(pa.table({"who": [7.0], "what": [12], "when": [moment]}), path)
    assert events_of(path) == [EventRow("log:1", "view", "7", 1_700_000_000_000, item_id="12")]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("1,a,soon,3", "row 2: time 'soon' is not a number of seconds"),
        ("1,a,-5,3", "row 2: time '-5' is not between March 1973 and 2100"),
        ("1,a,1700000000000,3", r"row 2: time '1700000000000' is not between March 1973 and 2100 \(read as s\)"),
        ("1,a,nan,3", "row 2: time 'nan' is not a number of seconds"),
        ("1,a,,3", "row 2: time None is not a number of seconds"),
        (",a,1700000000,3", "row 2: no user"),
        ("1,,1700000000,3", "row 2: no item"),
        ("1,a,1700000000,good", "row 2: rating 'good' is not a number"),
        ("1,a,1700000000,10", "row 2: rating 10 is not between 0.5 and 5"),
        ("1,a,1700000000", "row 2: 3 values instead of 4"),
    ],
)
def test_a_bad_value_is_named_by_its_row(tmp_path: Path, row: str, problem: str) -> None:
    path = csv(tmp_path, f"who,what,when,stars\n1,a,1700000000,3\n{row}\n")
    with pytest.raises(DatasetError, match=problem):
        events_of(path, COLUMNS + ",rating=stars")


def test_items(tmp_path: Path) -> None:
    path = csv(tmp_path, "id,name,kinds,y\n1,One,Drama|Sci-Fi,1999\n2,,,\n")
    columns = ColumnMap.of_items("item=id,title=name,genres=kinds,year=y")
    dataset = OwnFiles(TableFile(path, ColumnMap.of_events(COLUMNS)), TableFile(path, columns))
    assert list(dataset.items()) == [ItemRow("1", "One", genres=("Drama", "Sci-Fi"), year=1999), ItemRow("2", "2")]
    path.write_text("id,name,kinds,y\n1,One,,soon\n")
    with pytest.raises(DatasetError, match=r"row 1: .*soon"):
        list(dataset.items())


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ("user=who,item=what", "time must be named"),
        ("user=who,item=what,time", "'time' is not of the form"),
        ("user=who,item=what,time=when,colour=red", "no field 'colour'"),
        ("user=who,user=what", "user is given twice"),
        ("user=who,item=thing,time=when", "has no column 'thing'; its first line has who, what, when"),
    ],
)
def test_wrong_columns(tmp_path: Path, columns: str, problem: str) -> None:
    with pytest.raises(DatasetError, match=problem):
        events_of(csv(tmp_path, "who,what,when\n1,a,1700000000\n"), columns)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.csv cannot be read"):
        events_of(tmp_path / "none.csv")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no parquet")
    with pytest.raises(DatasetError, match=r"broken\.parquet cannot be read"):
        events_of(broken)
