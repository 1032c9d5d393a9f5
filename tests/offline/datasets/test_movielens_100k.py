"""MovieLens 100K: a made-up folder of the same form, and the real one where there is a copy."""

from itertools import pairwise
from pathlib import Path

import pytest

from offline.datasets.dataset import DatasetError
from offline.datasets.movielens_100k import MovieLens100K
from offline.datasets.movielens_titles import readable_title
from offline.datasets.rows import EventRow, ItemRow, ProfileRow, encode
from streams.contract.catalog import parse_catalog_item, parse_profile
from streams.contract.events import parse_interaction

REAL = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    (folder / "u.data").write_text("7\t2\t5\t880000300\n8\t1\t3\t880000100\n7\t1\t1\t880000300\n")
    (folder / "u.genre").write_text("unknown|0\nDrama|1\nFilm-Noir|2\n\n")
    item = "1|Misérables, Les (1995)|01-Jan-1995||http://example.org|0|1|1\n2|unknown||||1|0|0\n"
    (folder / "u.item").write_text(item, encoding="latin-1")
    (folder / "u.user").write_text("7|24|M|technician|85711\n8|17|F|student|T8H1N\n")
    return folder


def test_ratings_in_the_order_they_were_given(folder: Path) -> None:
    assert list(MovieLens100K.find(folder).events()) == [
        EventRow("ml-100k:2", "rating", "8", 880_000_100_000, item_id="1", rating=3.0),
        EventRow("ml-100k:1", "rating", "7", 880_000_300_000, item_id="2", rating=5.0),
        EventRow("ml-100k:3", "rating", "7", 880_000_300_000, item_id="1", rating=1.0),
    ]


def test_items(folder: Path) -> None:
    assert list(MovieLens100K.find(folder.parent).items()) == [
        ItemRow(
            "1",
            "Les Misérables",
            genres=("Drama", "Film-Noir"),
            year=1995,
            released_at="1995-01-01",
            item_type="movie",
        ),
        ItemRow("2", "unknown", item_type="movie"),
    ]


def test_people(folder: Path) -> None:
    people = list(MovieLens100K.find(folder).profiles())
    assert people == [ProfileRow("7", age_group="18-24"), ProfileRow("8", age_group="0-17")]


def test_missing_data_says_what_is_missing(tmp_path: Path, folder: Path) -> None:
    (folder / "u.user").unlink()
    with pytest.raises(DatasetError, match=r"ml-100k lacks u\.user"):
        MovieLens100K.find(tmp_path)
    with pytest.raises(DatasetError, match=r"neither .*u\.data nor .*u\.data exists"):
        MovieLens100K.find(tmp_path / "elsewhere")


@pytest.mark.parametrize("line", ["7\t2\t5\n", "7\t2\tgood\t880000300\n", "7,2,5,880000300\n"])
def test_a_broken_line_is_named(folder: Path, line: str) -> None:
    with (folder / "u.data").open("a") as data:
        data.write(line)
    with pytest.raises(DatasetError, match=r"u\.data, line 4"):
        list(MovieLens100K.find(folder).events())


def test_a_broken_item_is_named(folder: Path) -> None:
    (folder / "u.item").write_text("1|Title|01-Foo-1995||x|0|1|1\n")
    with pytest.raises(DatasetError, match=r"u\.item, line 1"):
        list(MovieLens100K.find(folder).items())


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        ("Toy Story (1995)", "Toy Story"),
        ("Usual Suspects, The (1995)", "The Usual Suspects"),
        ("Land Before Time III (1995) (V)", "Land Before Time III"),
        ("Good, The Bad and The Ugly, The (1966)", "The Good, The Bad and The Ugly"),
        ("2001: A Space Odyssey (1968) ", "2001: A Space Odyssey"),
        ("unknown", "unknown"),
    ],
)
def test_titles(raw: str, title: str) -> None:
    assert readable_title(raw) == title


@pytest.mark.skipif(not (REAL / "ml-100k").is_dir(), reason="no copy of MovieLens 100K in ../shared/data")
def test_the_real_data_set_is_accepted_whole() -> None:
    data = MovieLens100K.find(REAL)
    events = list(data.events())
    assert len(events) == len({event.event_id for event in events}) == 100_000
    assert all(earlier.timestamp <= later.timestamp for earlier, later in pairwise(events))
    for event in events[::97]:
        assert parse_interaction(encode(event), event.timestamp).event_id == event.event_id
    items = [parse_catalog_item(row.item_id.encode(), encode(row)) for row in data.items()]
    assert len(items) == 1682
    assert sum(1 for item in items if item and item.genres and item.year and item.released_at_ms is not None) == 1680
    assert len([parse_profile(row.user_id.encode(), encode(row)) for row in data.profiles()]) == 943
