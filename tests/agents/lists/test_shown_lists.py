"""Lists that show one of some items are those that a look at each list finds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.lists.list_maker import ROOM
from agents.lists.shown_lists import showing

INDICES = st.lists(st.integers(ROOM, 30), max_size=8).map(lambda values: np.array(values, np.int32))


@given(st.lists(INDICES, max_size=12), INDICES)
def test_it_finds_what_a_look_at_each_list_finds(lists: list[np.ndarray], items: np.ndarray) -> None:
    expected = [bool(set(shown.tolist()) & set(items.tolist())) for shown in lists]
    assert showing(lists, items).tolist() == expected
