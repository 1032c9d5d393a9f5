"""What is told of an answer: the items as they were shown."""

from typing import Any

import orjson
import pytest

from serving.endpoint.shown import ShownAnswer, served_items
from streams.contract.served import Surface

LISTED = b",".join(
    [
        orjson.dumps({"item_id": 'a"', "title": 'T "x"', "score": 0.9, "reason": "Because", "algorithm": "sequential"}),
        orjson.dumps({"item_id": "b", "title": "T", "score": 0.5, "reason": "Popular", "algorithm": "popular"}),
    ]
)


def told(items: bytes, surface: Surface = Surface.RECOMMENDATIONS, **asked: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(served_items(ShownAnswer(1, asked, "personal", b"{", items, surface)))
    return found


def test_items_say_where_how_high_and_by_whom() -> None:
    assert told(LISTED) == [
        {"item_id": 'a"', "position": 0, "score": 0.9, "algorithm": "sequential", "row": ""},
        {"item_id": "b", "position": 1, "score": 0.5, "algorithm": "popular", "row": ""},
    ]


def test_a_cut_further_down_counts_from_the_begin_of_the_list() -> None:
    assert [item["position"] for item in told(LISTED, offset=20)] == [20, 21]


def test_rows_count_each_for_itself() -> None:
    page = b'{"id":"top_picks","title":"x","items":[%b]},{"id":"continue_watching","title":"y","items":[%b]}' % (
        LISTED,
        orjson.dumps({"item_id": "c", "title": "C", "progress_pct": 50.0, "position_s": 10.0}),
    )
    found = [(item["row"], item["position"], item["algorithm"]) for item in told(page, Surface.HOMEPAGE)]
    assert found == [("top_picks", 0, "sequential"), ("top_picks", 1, "popular"), ("continue_watching", 0, "rule")]


@pytest.mark.parametrize(("code", "algorithm"), [("trending", "trending"), ("new", "rule"), ("for_you", "")])
def test_a_list_of_a_former_release_says_what_its_reasons_say(code: str, algorithm: str) -> None:
    former = b'{"item_id":"a","title":"A","score":0.5,"reason":"r","reason_code":"%b"}' % code.encode()
    assert told(former)[0]["algorithm"] == algorithm


def test_nothing_shown_is_an_empty_list() -> None:
    assert told(b"") == []
    assert told(b"", Surface.HOMEPAGE) == []
