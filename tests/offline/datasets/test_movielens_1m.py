"""MovieLens 1M: a made-up folder of the same form, and the real one where there is a copy."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offline.datasets.dataset import DatasetError
from offline.datasets.movielens_1m import PSEUDO_START_MS, MovieLens1M
from offline.datasets.rows import EventRow, ItemRow, ProfileRow, encode
from streams.contract.events import parse_interaction

REAL = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ml-1m"
    folder.mkdir()
    ratings = {"user_id": [7, 8], "item_id": [1, 2], "rating": [5.0, 1.0], "seq": [1, 0]}
    pq.write_table(pa.table(ratings), folder / "ratings_in_order.parquet")
    (folder / "movies.dat").write_text("1::Misérables, Les (1995)::Drama|Musical\n", encoding="latin-1")
    (folder / "users.dat").write_text("7::F::1::10::48067\n8::M::56::16::70072\n")
    return folder


def test_ratings_a_second_apart_in_their_order(folder: Path) -> None:
    assert list(MovieLens1M.find(folder).events()) == [
        EventRow("ml-1m:0", "rating", "8", PSEUDO_START_MS, item_id="2", rating=1.0),
        EventRow("ml-1m:1", "rating", "7", PSEUDO_START_MS + 1000, item_id="1", rating=5.0),
    ]


def test_items_and_people(folder: Path) -> None:
    dataset = MovieLens1M.find(folder.parent)
    assert list(dataset.items()) == [
        ItemRow("1", "Les Misérables", genres=("Drama", "Musical"), year=1995, item_type="movie")
    ]
    assert list(dataset.profiles()) == [ProfileRow("7", age_group="0-17"), ProfileRow("8", age_group="55+")]


def test_what_is_missing_or_broken_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no MovieLens 1M"):
        MovieLens1M.find(tmp_path / "elsewhere")
    (folder / "movies.dat").write_text("1::Toy Story (1995)::Comedy\n2::Jumanji\n")
    with pytest.raises(DatasetError, match=r"movies\.dat, line 2: 2 fields instead of 3"):
        list(MovieLens1M(folder).items())
    (folder / "users.dat").unlink()
    with pytest.raises(DatasetError, match=r"lacks users\.dat"):
        MovieLens1M.find(folder)


@pytest.mark.skipif(not (REAL / "ml-1m").exists(), reason="needs ../shared/data/ml-1m")
def test_the_real_one_is_valid_and_whole() -> None:
    dataset = MovieLens1M.find(REAL)
    count = 0
    for count, row in enumerate(dataset.events(), start=1):
        if count % 10_000 == 1:
            assert parse_interaction(encode(row), row.timestamp).item_id == row.item_id
    assert count == 1_000_209
    assert len(list(dataset.profiles())) == 6040
