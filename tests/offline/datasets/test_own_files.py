"""Anybody's CSV or Parquet: what is read, and what is said about what cannot be read."""

import bz2
import datetime
import gzip
import lzma
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from offline.datasets.bad_rows import BadRows
from offline.datasets.column_map import ColumnMap
from offline.datasets.dataset import DatasetError
from offline.datasets.own_files import OwnFiles, TableFile
from offline.datasets.rows import EventRow, ItemRow
from offline.datasets.table_file import TextFormat

COLUMNS = "user=who,item=what,time=when"


def events_of(path: Path, columns: str = COLUMNS) -> list[EventRow]:
    return list(OwnFiles([TableFile(path, ColumnMap.of_events(columns))]).events())


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
    with pytest.raises(DatasetError, match=r"row 1, column when: .*\(read as ms\)"):
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
        ("1,a,soon,3", "row 2, column when: time 'soon' is not a number of seconds"),
        ("1,a,-5,3", "row 2, column when: time '-5' is not between March 1973 and 2100"),
        (
            "1,a,1700000000000,3",
            r"row 2, column when: time '1700000000000' is not between March 1973 and 2100 \(read as s\)",
        ),
        ("1,a,nan,3", "row 2, column when: time 'nan' is not a number of seconds"),
        ("1,a,,3", "row 2, column when: time None is not a number of seconds"),
        (",a,1700000000,3", "row 2, column who: no user"),
        ("1,,1700000000,3", "row 2, column what: no item"),
        ("1,a,1700000000,good", "row 2, column stars: rating 'good' is not a number"),
        ("1,a,1700000000,10", "row 2, column stars: rating 10 is not between 0.5 and 5"),
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
    dataset = OwnFiles([TableFile(path, ColumnMap.of_events(COLUMNS))], TableFile(path, columns))
    assert list(dataset.items()) == [ItemRow("1", "One", genres=("Drama", "Sci-Fi"), year=1999), ItemRow("2", "2")]
    path.write_text("id,name,kinds,y\n1,One,,soon\n")
    with pytest.raises(DatasetError, match=r"row 1, column y: .*soon"):
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


def events_with(path: Path, bad: BadRows) -> list[EventRow]:
    return list(OwnFiles([TableFile(path, ColumnMap.of_events(COLUMNS))], bad=bad).events())


def test_bad_rows_may_be_skipped_counted_and_named(tmp_path: Path) -> None:
    rows = ["1,a,later", "1,a,1700000000", "1,b", "NULL,c,1700000000", "1,d,1345382", "2,e,1700000001", "1,f,x" * 9]
    path = csv(tmp_path, "who,what,when\n" + "\n".join(rows) + "\n")
    bad = BadRows(skip=True)
    assert [event.item_id for event in events_with(path, bad)] == ["a", "e"]
    assert bad.count == 5
    assert bad.named[:3] == [
        f"{path}, row 1, column when: time 'later' is not ISO 8601",
        f"{path}, row 3: 2 values instead of 3",
        f"{path}, row 4, column who: no user, but 'NULL'",
    ]
    with pytest.raises(DatasetError, match="row 1, column when: time 'later'"):
        events_with(path, BadRows())


TEXT = "who;what;when;stars\nü;1;1700000000;4,5\n"


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (TEXT.encode("utf-8-sig"), TextFormat()),
        (TEXT.encode("utf-16"), TextFormat()),
        (TEXT.encode("utf-16-le"), TextFormat()),
        (TEXT.encode("utf-32"), TextFormat()),
        (TEXT.encode("latin-1"), TextFormat(encoding="latin-1")),
        (("sep=;\r\n" + TEXT).encode(), TextFormat()),
        (('"sep=;"\n' + TEXT).encode("utf-16"), TextFormat()),
        (TEXT.replace(";", "\t").encode(), TextFormat()),
        (TEXT.replace(";", "^").encode(), TextFormat(delimiter="^")),
        (gzip.compress(TEXT.encode(), mtime=0), TextFormat()),
        (gzip.compress(TEXT[:9].encode(), mtime=0) + gzip.compress(TEXT[9:].encode(), mtime=0), TextFormat()),
        (bz2.compress(TEXT.encode("utf-16")), TextFormat()),
        (lzma.compress(TEXT.encode()), TextFormat()),
        (zstandard.compress(TEXT.encode()), TextFormat()),
        (zstandard.compress(TEXT[:9].encode()) + zstandard.compress(TEXT[9:].encode()), TextFormat()),
    ],
)
def test_however_it_was_written(tmp_path: Path, data: bytes, written: TextFormat) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(data)
    file = TableFile(path, ColumnMap.of_events(COLUMNS + ",rating=stars"), written)
    expected = EventRow("log:1", "rating", "ü", 1_700_000_000_000, item_id="1", rating=4.5)
    assert list(OwnFiles([file]).events()) == [expected]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (TEXT.encode("latin-1"), "is not UTF-8 .*--encoding, for example latin-1"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], "cannot be read: the gzip data is cut off"),
        (zstandard.compress(TEXT.encode())[:-3], "cannot be read: the zstd data is cut off"),
        (b"\x1f\x8b" + b"x" * 40, "cannot be read: the gzip data is damaged"),
        (TEXT.encode("utf-16")[:-1], "cannot be read: .*truncated"),
    ],
)
def test_text_that_cannot_be_read_is_one_sentence(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=problem) as caught:
        events_of(path)
    assert "\n" not in str(caught.value)


def parquet(folder: Path, /, **columns: object) -> Path:
    path = folder / "log.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"who": [1.0, math.nan], "what": [1, 2], "when": [1_700_000_000] * 2}, "row 2, column who: no user, but nan"),
        ({"who": ["a", "nan"], "what": [1, 2], "when": [1_700_000_000] * 2}, "row 2, column who: no user, but 'nan'"),
        ({"who": ["a", None], "what": [1, 2], "when": [1_700_000_000] * 2}, "row 2, column who: no user"),
        (
            {"who": ["a", "b"], "what": [True, False], "when": [1_700_000_000] * 2},
            "row 1, column what: True is no item",
        ),
        ({"who": ["a"], "what": [[1, 2]], "when": [1_700_000_000]}, r"row 1, column what: \[1, 2\] is no item"),
        ({"who": [b"\xff"], "what": [1], "when": [1_700_000_000]}, "row 1, column who: user b'.xff' is no text"),
        ({"who": ["a"], "what": [1], "when": [20231114]}, "row 1, column when: time 20231114 is not between"),
        ({"who": ["a"], "what": [1], "when": [True]}, "row 1, column when: time True is not ISO 8601"),
        ({"who": ["a"], "what": [1], "when": [math.inf]}, "row 1, column when: time inf is not a number"),
        (
            {"who": ["a", "b"], "what": [1, 2], "when": pa.array([1_700_000_000, 1 << 45], pa.timestamp("s"))},
            "row 2, column when: time timestamp.ms. 35184372088832000 is not ISO 8601",
        ),
    ],
)
def test_values_of_a_parquet_are_named(tmp_path: Path, columns: dict[str, object], problem: str) -> None:
    with pytest.raises(DatasetError, match=problem):
        events_of(parquet(tmp_path, **columns))


def test_times_finer_than_pythons(tmp_path: Path) -> None:
    when = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", "UTC"))
    assert events_of(parquet(tmp_path, who=["a"], what=[1], when=when))[0].timestamp == 1_700_000_000_123


def items_of(path: Path, columns: str, events: Path | None = None) -> list[ItemRow]:
    of_events = TableFile(events or path, ColumnMap.of_events(COLUMNS))
    return list(OwnFiles([of_events], TableFile(path, ColumnMap.of_items(columns))).items())


@pytest.mark.parametrize(
    ("genres", "problem"),
    [
        ([["Drama", None]], r"row 1, column kinds: genres \['Drama', None\] hold None, which is no name"),
        ([[18, 35]], r"row 1, column kinds: genres \[18, 35\] hold 18, which is no name"),
        ([[math.nan]], "row 1, column kinds: .* hold nan, which is no name"),
        ([18], "row 1, column kinds: genres 18 are no names"),
    ],
)
def test_lists_of_a_parquet_hold_names(tmp_path: Path, genres: list[object], problem: str) -> None:
    path = parquet(tmp_path, id=list(range(len(genres))), kinds=genres)
    with pytest.raises(DatasetError, match=problem):
        items_of(path, "item=id,genres=kinds")


@pytest.mark.parametrize(
    ("year", "problem"),
    [(1345382, "year 1345382 is none from 0 to 9999"), (1999.5, "year 1999.5 is none"), ("soon", "is not a number")],
)
def test_a_year_that_is_none(tmp_path: Path, year: object, problem: str) -> None:
    with pytest.raises(DatasetError, match=f"row 1, column y: .*{problem}"):
        items_of(parquet(tmp_path, id=[1], y=[year]), "item=id,year=y")


def test_what_is_absent_in_a_parquet_is_absent(tmp_path: Path) -> None:
    path = parquet(
        tmp_path, id=[1.0, 2.0], y=[1999.0, math.nan], name=["One", "NULL"], kinds=[None, ["Drama"]], who=[7, None]
    )
    assert items_of(path, "item=id,year=y,title=name,genres=kinds,director=who") == [
        ItemRow("1", "One", year=1999, director="7"),
        ItemRow("2", "2", genres=("Drama",)),
    ]


@pytest.mark.parametrize(
    ("in_events", "in_items", "joined"),
    [
        (["3.0", "4.0"], ["3", "4"], ["3", "4"]),
        (["3", "4"], ["3.0", "4.00"], ["3", "4"]),
        (["3.0"], ["3.0"], ["3"]),
        (["3.0", "3"], ["3.0", "3"], ["3.0", "3"]),
        (["9.0", "x.0"], ["3"], ["9.0", "x.0"]),
    ],
)
def test_ids_that_one_file_wrote_as_fractions_are_joined(
    tmp_path: Path, in_events: list[str], in_items: list[str], joined: list[str]
) -> None:
    events = csv(tmp_path, "who,what,when\n" + "".join(f"1,{item},1700000000\n" for item in in_events))
    items = tmp_path / "items.csv"
    items.write_text("id\n" + "\n".join(in_items) + "\n")
    dataset = OwnFiles(
        [TableFile(events, ColumnMap.of_events(COLUMNS))], TableFile(items, ColumnMap.of_items("item=id"))
    )
    assert [event.item_id for event in dataset.events()] == joined
    described = {item.item_id for item in dataset.items()}
    assert described >= set(joined) or in_events[0] == "9.0"
