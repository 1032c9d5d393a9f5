"""What the demo publishes."""

import time
from pathlib import Path

import orjson
import pytest

from offline.datasets.dataset import DatasetError
from ops.demo.traffic import EVENTS_PER_S, traffic_from
from streams.kafka.topics import Topics

TOPICS = Topics("demo")
DATA = Path(__file__).parents[3] / "shared" / "data" / "ml-100k"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three ratings of two people, not in the order of time, in the layout of MovieLens 100K."""
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    (folder / "u.data").write_text("1\t1\t5\t300\n2\t1\t3\t100\n1\t2\t4\t200\n")
    flags = "|".join(["0"] * 19)
    (folder / "u.item").write_text(f"1|Alien (1979)|01-Jan-1979|||{flags}\n2|Brazil (1985)|01-Jan-1985|||{flags}\n")
    (folder / "u.genre").write_text("".join(f"genre{n}|{n}\n" for n in range(19)))
    (folder / "u.user").write_text("1|24|M|technician|85711\n2|53|F|other|94043\n")
    return tmp_path


def test_a_data_set_goes_out_in_event_order_with_its_last_event_now(dataset: Path) -> None:
    before_ms = time.time() * 1000
    records = list(traffic_from(dataset, 10).event_records(TOPICS))
    events = [orjson.loads(record.value or b"") for record, _ in records]

    assert [(event["user_id"], event["item_id"]) for event in events] == [("2", "1"), ("1", "2"), ("1", "1")]
    assert [record.topic for record, _ in records] == [TOPICS.interactions] * 3
    assert [record.key for record, _ in records] == [b"2", b"1", b"1"]
    assert before_ms - 1 <= events[-1]["timestamp"] <= time.time() * 1000
    assert [events[-1]["timestamp"] - event["timestamp"] for event in events] == [200_000, 100_000, 0]
    assert [due_ms - records[0].due_ms for _, due_ms in records] == [round(n * 1000 / EVENTS_PER_S) for n in range(3)]


def test_a_data_set_brings_its_catalogue_people_and_titles(dataset: Path) -> None:
    traffic = traffic_from(dataset / "ml-100k", 10)
    assert [record.topic for record in traffic.reference_records(TOPICS)] == [TOPICS.catalog] * 2 + [
        TOPICS.profiles
    ] * 2
    assert traffic.titles == {"1": "Alien", "2": "Brazil"}
    assert traffic.expected() is None


def test_time_bounds_how_much_of_a_data_set_is_published(dataset: Path) -> None:
    only_last = traffic_from(dataset, 1.4 / EVENTS_PER_S)
    assert [record.key for record, _ in only_last.event_records(TOPICS)] == [b"1"]


def test_a_folder_without_the_data_set_is_refused_and_not_simulated(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        traffic_from(tmp_path, 10)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs MovieLens 100K in ../shared/data")
def test_the_real_data_set_is_read() -> None:
    traffic = traffic_from(DATA, 2)
    assert len(list(traffic.event_records(TOPICS))) == 2 * EVENTS_PER_S
    assert len(list(traffic.reference_records(TOPICS))) > 1682
    assert len(traffic.titles) == 1682


def test_a_simulated_world_has_everything_live_traffic_has_and_knows_the_truth() -> None:
    traffic = traffic_from(None, 20)
    reference = list(traffic.reference_records(TOPICS))
    titles_before = len(traffic.titles)
    records = list(traffic.event_records(TOPICS))
    by_topic = {
        topic: sum(record.topic == topic for record, _ in records) for topic in (TOPICS.interactions, TOPICS.catalog)
    }
    expected = traffic.expected()

    assert titles_before == sum(record.topic == TOPICS.catalog for record in reference) > 0
    assert expected is not None
    assert sum(expected.values()) == by_topic[TOPICS.interactions]
    assert all(count > 0 for count in expected.values())
    assert len(traffic.titles) == titles_before + by_topic[TOPICS.catalog] > titles_before
    dues_ms = [due_ms for _, due_ms in records]
    assert dues_ms == sorted(dues_ms)
    assert 19_000 < dues_ms[-1] - dues_ms[0] < 20_000
    assert 0.8 < expected["folded"] / (20 * EVENTS_PER_S) < 1.2
