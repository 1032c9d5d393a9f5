from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from serving import fragments

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(TEXTS, TEXTS, TEXTS)
def test_a_tail_is_the_json_it_stands_for(reason: str, code: str, algorithm: str) -> None:
    item = orjson.loads(b'{"item_id":"i"' + fragments.reason_tail(reason, code, algorithm))
    assert item == {"item_id": "i", "reason": reason, "reason_code": code, "algorithm": algorithm}


def test_every_step_is_a_score_with_four_decimals() -> None:
    steps = range(fragments.SCORE_STEPS + 1)
    assert [float(score) for score in fragments.SCORE_BYTES] == [step / fragments.SCORE_STEPS for step in steps]
    assert {len(score) for score in fragments.SCORE_BYTES} == {len(b"0.1234")}
