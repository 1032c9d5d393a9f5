"""What cannot be read restricts most: of profiles and items, deterministically, whatever came before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.catalog import KIDS_MAX_AGE, UserProfile, parse_catalog_item, parse_profile, viewer_age
from streams.contract.events import InvalidEvent, Reason
from streams.contract.unreadable import ANY_GENRE, NO_LANGUAGE, read_catalog_item, read_profile

NONSENSE = [None, True, 0, 1, -1, 12.5, "", "yes", "R", [], ["Horror"], [1], {}, {"a": 1}, "x" * 300]


def profile(**said: Any) -> UserProfile:
    found = read_profile(b"u", json.dumps(said).encode()).profile
    assert found is not None
    return found


@pytest.mark.parametrize("kids", ["true", "false", "no", 1, 0, 1.0, [], {}, [True]])
def test_kids_that_is_neither_true_nor_false_is_true(kids: Any) -> None:
    read = read_profile(b"u", json.dumps({"kids": kids, "country": "DE", "maturity_max": "18"}).encode())
    assert read.profile is not None
    assert (read.profile.kids, read.profile.country, read.profile.maturity_max) == (True, "DE", "18")
    assert read.problem is not None
    assert "kids" in read.problem.detail


@pytest.mark.parametrize(
    ("said", "age"), [(12.0, 12), ("12", 12), (12, 12), ("all", 0), (7.0, 7), (None, 18), ("", 18)]
)
def test_a_maturity_that_can_be_read_is_read(said: Any, age: int) -> None:
    read = read_profile(b"u", json.dumps({"maturity_max": said}).encode())
    assert read.problem is None
    assert viewer_age(read.profile, "18") == age


@pytest.mark.parametrize("said", ["adult", "R", 13, -1, 12.5, 1e300, [], ["18"], {}, True, "18 "])
def test_a_maturity_that_cannot_be_read_is_the_lowest(said: Any) -> None:
    read = read_profile(b"u", json.dumps({"maturity_max": said}).encode())
    assert viewer_age(read.profile, "18") == 0
    assert read.problem is not None
    assert read.problem.reason in (Reason.OUT_OF_RANGE, Reason.WRONG_TYPE)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (["Horror"], ("Horror",)),
        ("Horror", ("Horror",)),
        (["Horror", 5], (ANY_GENRE,)),
        (5, (ANY_GENRE,)),
        ({"Horror": True}, (ANY_GENRE,)),
        (None, ()),
    ],
)
def test_dislikes(said: Any, kept: tuple[str, ...]) -> None:
    assert profile(disliked_genres=said).disliked_genres == kept


def test_a_language_that_cannot_be_read_is_nobodys_and_a_country_not_known() -> None:
    found = profile(language=5, country="Germany", favorite_genres=7, timezone=[])
    assert (found.language, found.country, found.favorite_genres, found.timezone) == (NO_LANGUAGE, None, (), None)


@pytest.mark.parametrize("value", [b"", b"garbage", b"[]", b"5", b'{"user_id":"other"}', b'{"user_id":[]}', b"\xff{}"])
def test_of_whom_nothing_can_be_read_is_a_child_who_likes_nothing(value: bytes) -> None:
    read = read_profile(b"u", value)
    assert read.profile is not None
    assert (viewer_age(read.profile, "18"), read.profile.disliked_genres) == (0, (ANY_GENRE,))
    assert read.problem is not None


def test_who_removes_a_profile_restricts_nothing_and_nobodys_record_is_nobodys() -> None:
    assert read_profile(b"u", None) == ("u", None, None)
    assert read_profile(None, b"{}").user_id is None
    assert read_catalog_item(b"\xff", b"{}").item_id is None


@given(st.dictionaries(st.sampled_from(sorted(UserProfile.__struct_fields__)), st.sampled_from(NONSENSE)))
def test_whatever_a_profile_says_its_value_is_one_that_the_contract_allows(said: dict[str, Any]) -> None:
    value = json.dumps(said).encode()
    read = read_profile(b"u", value)
    assert (read.problem is None) == (read.value == value)
    found = parse_profile(b"u", read.value)
    assert found is not None
    if read.problem is not None and said.get("kids") not in (None, "", False):
        assert viewer_age(found, "18") <= KIDS_MAX_AGE


@pytest.mark.parametrize(
    ("said", "maturity"),
    [
        ({"maturity": 12.0}, "12"),
        ({"maturity": "R"}, "18"),
        ({"maturity": [7]}, "18"),
        ({"maturity": "PG", "year": "x"}, "18"),
    ],
)
def test_an_item_whose_rating_cannot_be_read_is_for_adults(said: dict[str, Any], maturity: str) -> None:
    read = read_catalog_item(b"i", json.dumps({"title": "T", **said}).encode())
    assert read.item is not None
    assert (read.item.maturity, read.item.title) == (maturity, "T")
    assert (read.problem is None) == (said["maturity"] == 12.0)


@pytest.mark.parametrize(
    "said",
    [
        {"regions": "DE"},
        {"regions": ["Germany"]},
        {"available_until": "soon"},
        {"available_from": 1_700_000_000},
        {"genres": "Horror"},
        {"attributes": []},
        {"item_id": "other"},
    ],
)
def test_an_item_that_may_be_for_nobody_here_is_shown_to_nobody(said: dict[str, Any]) -> None:
    read = read_catalog_item(b"i", json.dumps({"title": "T", "maturity": "all", **said}).encode())
    assert read.item is None
    assert read.problem is not None


def test_a_year_that_cannot_be_read_costs_no_item() -> None:
    read = read_catalog_item(b"i", b'{"title":"T","maturity":"12","year":"MCM","regions":["DE"],"cast":5}')
    assert read.item == parse_catalog_item(b"i", b'{"title":"T","maturity":"12","regions":["DE"]}')
    assert isinstance(read.problem, InvalidEvent)


@pytest.mark.parametrize("languages", ["de", 5, ["de", 5], {"de": True}])
def test_languages_that_are_no_list_of_texts_are_reported(languages: Any) -> None:
    read = read_catalog_item(b"i", json.dumps({"attributes": {"languages": languages}}).encode())
    assert read.item is not None
    assert read.problem is not None
    assert "languages" in read.problem.detail
