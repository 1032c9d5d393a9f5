"""Catalogue items and profiles: what is accepted, what defaults are, what is refused and why."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.catalog import (
    MATURITIES,
    CatalogItem,
    UserProfile,
    maturity_age,
    parse_catalog_item,
    parse_profile,
)
from streams.contract.events import InvalidEvent, Reason


def item(**fields: Any) -> CatalogItem:
    parsed = parse_catalog_item(b"i-1", json.dumps(fields).encode())
    assert parsed is not None
    return parsed


def refused_item(key: bytes | None = b"i-1", **fields: Any) -> Reason:
    with pytest.raises(InvalidEvent) as caught:
        parse_catalog_item(key, json.dumps(fields).encode())
    return caught.value.reason


def profile(**fields: Any) -> UserProfile:
    parsed = parse_profile(b"7", json.dumps(fields).encode())
    assert parsed is not None
    return parsed


def refused_profile(**fields: Any) -> Reason:
    with pytest.raises(InvalidEvent) as caught:
        parse_profile(b"7", json.dumps(fields).encode())
    return caught.value.reason


def test_every_item_field() -> None:
    assert item(
        item_id="i-1",
        title="Metropolis",
        description="d",
        genres=["Sci-Fi"],
        cast=["Brigitte Helm"],
        director="Fritz Lang",
        year=1927,
        language="de",
        duration_s=9180,
        maturity=12,
        regions=["de", "AT"],
        released_at="1927-01-10",
        thumbnail_url="https://example.org/m.jpg",
        item_type="movie",
        available_from=1_700_000_000_000,
        available_until="2030-01-01T00:00:00+01:00",
        attributes={"hdr": True, "deep": {"a": [1]}},
        titles={"pt_BR": "Metrópolis", "fr": "", "": "nothing"},
        unknown=1,
    ) == CatalogItem(
        item_id="i-1",
        title="Metropolis",
        description="d",
        genres=("Sci-Fi",),
        cast=("Brigitte Helm",),
        director="Fritz Lang",
        year=1927,
        language="de",
        duration_s=9180.0,
        maturity="12",
        regions=("DE", "AT"),
        released_at_ms=-1356220800000,
        thumbnail_url="https://example.org/m.jpg",
        item_type="movie",
        available_from_ms=1_700_000_000_000,
        available_until_ms=1_893_452_400_000,
        attributes={"hdr": True, "deep": {"a": [1]}},
        titles={"pt-br": "Metrópolis"},
    )


def test_an_item_needs_only_its_key() -> None:
    assert item() == CatalogItem("i-1")
    assert item(**dict.fromkeys(["item_id", "title", "genres", "maturity", "regions", "attributes"])) == item()


def test_every_profile_field() -> None:
    assert profile(
        user_id=7,
        country="de",
        language="de",
        timezone="Europe/Berlin",
        age_group="25-34",
        favorite_genres=["Drama"],
        disliked_genres=["Horror"],
        seed_items=["i-1", 2],
        maturity_max="16",
        kids=True,
        created_at="2023-11-14T22:13:20Z",
    ) == UserProfile(
        user_id="7",
        country="DE",
        language="de",
        timezone="Europe/Berlin",
        age_group="25-34",
        favorite_genres=("Drama",),
        disliked_genres=("Horror",),
        seed_items=("i-1", "2"),
        maturity_max="16",
        kids=True,
        created_at_ms=1_700_000_000_000,
    )
    assert profile() == UserProfile("7")


def test_empty_text_is_absent_and_integral_numbers_are_integers() -> None:
    texts = ["item_id", "title", "director", "language", "year", "duration_s", "released_at", "genres", "attributes"]
    assert item(**dict.fromkeys(texts, "")) == item()
    assert item(year=1927.0, maturity=12.0, released_at=1_700_000_000_000.0) == item(
        year=1927, maturity=12, released_at=1_700_000_000_000
    )
    assert item(genres="", attributes={"a": 1.0, "b": [2.0, ""]}).attributes == {"a": 1.0, "b": [2.0, ""]}
    assert profile(country="", timezone="", age_group="", seed_items="", created_at="") == profile()
    assert profile(seed_items=[3.0, "a"]).seed_items == ("3", "a")
    assert refused_profile(seed_items=[3.0, ""]) is Reason.OUT_OF_RANGE


def test_null_removes_what_the_key_names() -> None:
    assert parse_catalog_item(b"i-1", None) is None
    assert parse_profile(b"7", None) is None


@pytest.mark.parametrize("parse", [parse_catalog_item, parse_profile])
@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (None, Reason.KEY_MISMATCH),
        (b"\xff", Reason.KEY_MISMATCH),
        (b"", Reason.OUT_OF_RANGE),
        (b"x" * 129, Reason.OUT_OF_RANGE),
        (b"a\0", Reason.OUT_OF_RANGE),
        (b"a\n", Reason.OUT_OF_RANGE),
        (b"..", Reason.OUT_OF_RANGE),
    ],
)
@pytest.mark.parametrize("value", [None, b"{}"])
def test_the_key_must_be_an_id(parse: Any, key: bytes | None, reason: Reason, value: bytes | None) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(key, value)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"item_id": "other"}, Reason.KEY_MISMATCH),
        ({"item_id": True}, Reason.WRONG_TYPE),
        ({"title": 5}, Reason.WRONG_TYPE),
        ({"genres": "Drama"}, Reason.WRONG_TYPE),
        ({"genres": [1]}, Reason.WRONG_TYPE),
        ({"attributes": []}, Reason.WRONG_TYPE),
        ({"released_at": "10 January"}, Reason.WRONG_TYPE),
        ({"released_at": "1927-13-10"}, Reason.WRONG_TYPE),
        ({"released_at": "2023-11-14T22:13:20"}, Reason.WRONG_TYPE),
        ({"released_at": 1_700_000_000}, Reason.TIMESTAMP_IN_SECONDS),
        ({"maturity": "13"}, Reason.OUT_OF_RANGE),
        ({"maturity": "x got `y"}, Reason.OUT_OF_RANGE),
        ({"maturity": 13}, Reason.OUT_OF_RANGE),
        ({"regions": ["Germany"]}, Reason.OUT_OF_RANGE),
        ({"regions": ["4D"]}, Reason.OUT_OF_RANGE),
        ({"year": -5}, Reason.OUT_OF_RANGE),
        ({"duration_s": -1}, Reason.OUT_OF_RANGE),
        ({"description": "x" * 70_000}, Reason.TOO_LARGE),
    ],
)
def test_items_refused(fields: dict[str, Any], reason: Reason) -> None:
    assert refused_item(**fields) is reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"user_id": 8}, Reason.KEY_MISMATCH),
        ({"country": "Germany"}, Reason.OUT_OF_RANGE),
        ({"country": "4D"}, Reason.OUT_OF_RANGE),
        ({"kids": 1}, Reason.WRONG_TYPE),
        ({"seed_items": [""]}, Reason.OUT_OF_RANGE),
        ({"seed_items": ["a\0"]}, Reason.OUT_OF_RANGE),
        ({"seed_items": ["a\n"]}, Reason.OUT_OF_RANGE),
        ({"seed_items": [1.5]}, Reason.WRONG_TYPE),
        ({"maturity_max": "adult"}, Reason.OUT_OF_RANGE),
    ],
)
def test_profiles_refused(fields: dict[str, Any], reason: Reason) -> None:
    assert refused_profile(**fields) is reason


def test_maturities_are_ordered_by_age() -> None:
    assert [maturity_age(maturity) for maturity in MATURITIES] == [0, 7, 12, 16, 18]


@given(key=st.none() | st.binary(max_size=8), value=st.none() | st.binary(max_size=60))
@pytest.mark.parametrize("parse", [parse_catalog_item, parse_profile])
def test_any_record_gives_a_result_or_a_reason(parse: Any, key: bytes | None, value: bytes | None) -> None:
    with contextlib.suppress(InvalidEvent):
        parse(key, value)


@pytest.mark.parametrize("field", ["available_from", "available_until", "released_at"])
@pytest.mark.parametrize(
    "moment", [99999999999999999999, -99999999999999999999, 253_402_300_800_000, -62_135_596_800_001, 10**300]
)
def test_a_moment_that_no_calendar_holds_is_refused(field: str, moment: int) -> None:
    assert refused_item(**{field: moment}) is Reason.OUT_OF_RANGE
    assert refused_profile(created_at=moment) is Reason.OUT_OF_RANGE


@pytest.mark.parametrize("moment", [253_402_300_799_999, -62_135_596_800_000, "0001-01-01", "9999-12-31T23:59:59.999Z"])
def test_the_first_and_the_last_moment_of_the_calendar_are_taken(moment: int | str) -> None:
    taken = item(available_until=moment).available_until_ms
    assert taken in (253_402_300_799_999, -62_135_596_800_000)
    assert profile(created_at=moment).created_at_ms == taken
