from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.keys import CONTEXTS, REGIONS, Keys
from tables.regions import COUNTRIES_OF

USERS = st.text("a:}{u", min_size=1, max_size=8)


@given(USERS, st.sampled_from(CONTEXTS), USERS, st.sampled_from(CONTEXTS))
def test_no_two_users_or_contexts_share_a_key(user: str, context: str, other: str, other_context: str) -> None:
    keys = Keys("n", "v1")
    same = (user, context) == (other, other_context)
    assert (keys.user_list(user, context) == keys.user_list(other, other_context)) == same


def test_versions_and_namespaces_share_nothing_but_the_live_pointer() -> None:
    assert Keys("", "v1").user_list("u") == "v1:list:{u:u}:homepage"
    assert Keys("n", "v1").blocked == "n:blocked:v1"
    assert Keys("n", "v1").live == Keys("n", "v2").live == "n:live"


@pytest.mark.parametrize("name", ["a:b", "a*", "a b", "{"])
def test_a_name_that_could_reach_into_another_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="may hold only"):
        Keys(name, "v1")
    with pytest.raises(ValueError, match="may hold only"):
        Keys("n", name)


def test_a_version_is_required() -> None:
    with pytest.raises(ValueError, match="empty"):
        Keys("n", "")


def test_the_regions_of_keys_are_those_that_countries_are_grouped_into() -> None:
    assert set(REGIONS) == set(COUNTRIES_OF)
