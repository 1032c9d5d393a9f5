from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving import fragments

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(TEXTS, TEXTS, st.floats(0, 1), TEXTS)
def test_a_fragment_is_the_json_it_stands_for(item_id: str, title: str, score: float, reason: str) -> None:
    item = orjson.loads(fragments.item_fragment(item_id, title, score, reason, "code", "sequential"))
    assert item.pop("score") == pytest.approx(score, abs=0.5 / fragments.SCORE_STEPS + 1e-12)
    said = {"reason": reason, "reason_code": "code", "algorithm": "sequential"}
    assert item == {"item_id": item_id, "title": title, **said}


@given(st.lists(st.tuples(TEXTS, st.integers(0, fragments.SCORE_STEPS))))
def test_the_fast_path_equals_the_slow_one(items: list[tuple[str, int]]) -> None:
    tail = fragments.reason_tail("r", "c", "a")
    fast = fragments.fragments_of(
        [fragments.item_head(item_id, "t") for item_id, _ in items], [step for _, step in items], [tail] * len(items)
    )
    slow = [
        fragments.item_fragment(item_id, "t", step / fragments.SCORE_STEPS, "r", "c", "a") for item_id, step in items
    ]
    assert fast == slow


@pytest.mark.parametrize("score", [-0.01, 1.01, math.nan, math.inf])
def test_a_score_outside_of_its_range_is_an_error(score: float) -> None:
    with pytest.raises(ValueError, match="score"):
        fragments.score_bytes(score)


def test_continue_fragment_has_the_contract_fields() -> None:
    item = orjson.loads(fragments.continue_fragment("i", "T", 41.26, 61.04, 1_700_000_000_123))
    assert item == {
        "item_id": "i",
        "title": "T",
        "progress_pct": 41.3,
        "position_s": 61.0,
        "updated_at": "2023-11-14T22:13:20.123Z",
    }
