"""Online Retail II: a made-up file of the same form, and the real one where there is a copy."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from offline.datasets.dataset import DatasetError
from offline.datasets.online_retail import OnlineRetail
from offline.datasets.rows import EventRow, ItemRow, encode
from streams.contract.events import parse_interaction

REAL = Path(__file__).parents[4] / "shared" / "data"
COLUMNS = ("StockCode", "Description", "Quantity", "InvoiceDate", "Customer ID", "Country")


def written(folder: Path, *rows: tuple[Any, ...]) -> OnlineRetail:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)}
    pq.write_table(pa.table(columns), folder / "online_retail_II_2009_2010.parquet")
    return OnlineRetail.find(folder)


def test_purchases_by_time_without_cancelled_and_anonymous_ones(tmp_path: Path) -> None:
    dataset = written(
        tmp_path,
        ("85048 ", "GLASS  BALL", 12, "2009-12-01 07:46:00", 13085.0, "EIRE"),
        ("85048", "GLASS BALL", 1, "2009-12-01 07:45:00", 13086.0, "Unspecified"),
        ("85048", "damaged", -3, "2009-12-01 07:45:00", 13086.0, "France"),
        ("85048", "?", 3, "2009-12-01 07:45:00", None, "France"),
        ("X", None, 3, "2009-12-01 07:46:00", 13085.0, "France"),
    )
    assert list(dataset.events()) == [
        EventRow("online-retail:2", "purchase", "13086", 1_259_653_500_000, item_id="85048"),
        EventRow("online-retail:1", "purchase", "13085", 1_259_653_560_000, item_id="85048", country="IE"),
        EventRow("online-retail:5", "purchase", "13085", 1_259_653_560_000, item_id="X", country="FR"),
    ]
    assert list(dataset.items()) == [
        ItemRow("85048", "GLASS BALL", item_type="product"),
        ItemRow("X", "X", item_type="product"),
    ]
    assert list(dataset.profiles()) == []


def test_a_broken_date_is_named_by_its_row(tmp_path: Path) -> None:
    rows = [("1", "A", 1, "2009-12-01 07:46:00", 1.0, "France"), ("1", "A", 1, "yesterday", 1.0, "France")]
    with pytest.raises(DatasetError, match=r"row 2: .*yesterday"):
        list(written(tmp_path, *rows).events())


def test_a_missing_file_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no Online Retail II"):
        OnlineRetail.find(tmp_path)
    pq.write_table(pa.table({"StockCode": ["1"]}), tmp_path / "online_retail_II_2009_2010.parquet")
    with pytest.raises(DatasetError, match="has no column 'InvoiceDate'"):
        list(OnlineRetail.find(tmp_path).events())


@pytest.mark.skipif(not (REAL / "online-retail").exists(), reason="needs ../shared/data/online-retail")
def test_the_real_one_is_valid() -> None:
    dataset = OnlineRetail.find(REAL)
    rows = list(dataset.events())
    assert len(rows) == 407_695
    for row in rows[::1000]:
        assert parse_interaction(encode(row), row.timestamp).user_id == row.user_id
    assert {row.item_id for row in dataset.items()} == {row.item_id for row in rows}
