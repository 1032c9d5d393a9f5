"""An id is found in every form that somebody could read it back from, and not in what is about others."""

import os

import pytest
from disguises import DISGUISES
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.id_search import Ids, suspects
from streams.contract.readable_forms import MAX_CHARS, forms_of

USERS = ["u-4711-k", "jörg.müller@example.org", "用户-42", "a b/c?d=e&f", "😀smile", 'quo"te', "back\\slash", "0815x"]
OTHERS = ["v-4711-k", "u-4711-kk", "jorg.muller@example.org", "用户-421", "😀smiles"]


def about(user: str, value: bytes | None, key: bytes | None = None, *headers: bytes, is_cut: bool = False) -> bool:
    return bool(suspects(Ids([user]), key, value, headers, is_cut=is_cut).all)


@pytest.mark.parametrize("name", DISGUISES)
@pytest.mark.parametrize("user", USERS)
def test_every_disguise_is_seen_through(user: str, name: str) -> None:
    assert about(user, DISGUISES[name](user))


@pytest.mark.parametrize("name", sorted(DISGUISES.keys() - {"beside bytes that are no text", "Avro"}))
@pytest.mark.parametrize("other", OTHERS)
def test_nobody_else_is_seen_in_it(other: str, name: str) -> None:
    found = suspects(Ids(USERS), None, DISGUISES[name](other))
    assert not found.named, (found, DISGUISES[name](other))


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs"]), min_size=5, max_size=40),
    st.lists(
        st.sampled_from(["a list", "JSON in JSON", "percent", "Base64", "HTML", "a form"]), min_size=1, max_size=2
    ),
)
@settings(max_examples=300, deadline=None)
def test_disguises_of_disguises(user: str, names: list[str]) -> None:
    value = DISGUISES[names[0]](user)
    for name in names[1:]:
        value = DISGUISES[name](value.decode())
    assert about(user, value)


@given(st.binary(max_size=300), st.sampled_from(USERS))
@settings(max_examples=500, deadline=None)
def test_bytes_around_an_id_do_not_hide_it(noise: bytes, user: str) -> None:
    assert about(user, b" " + user.encode() + b" " + noise)
    assert about(user, noise + b" " + user.encode() + b" ")


@pytest.mark.parametrize("cut", range(1, 7))
def test_whoever_may_begin_where_a_value_was_cut_off_is_not_ruled_out(cut: int) -> None:
    value = b'{"event_type": "view", "user_id": "' + b"u-4711-k"[:cut]
    assert about("u-4711-k", value)
    assert not about("u-4711-k", value, key=b"v-1")  # it is whose key says
    assert not about("w-4711-k", value)
    assert not about("u-4711-k", value + b'"}')


def test_a_long_id_within_a_word_is_suspected_where_nobody_is_named() -> None:
    assert about("u-4711-k", b"xxu-4711-kxx")
    assert not about("u-4711-k", b"xxu-4711-kxx", key=b"somebody")
    assert not about("u47", b"xu47x")


@pytest.mark.parametrize("tail", [b"\\", b"\\u", b"\\u00", b"\\u007", b"u\\u002", b"%", b"%7"])
def test_half_an_escape_at_the_end_rules_nobody_out(tail: bytes) -> None:
    assert about("u-4711-k", b'{"user_id": "' + tail)


def test_what_cannot_be_read_is_anybodys_unless_it_says_whose() -> None:
    opaque = b"\x28\xb5\x2f\xfd" + os.urandom(40)
    for value in (opaque, bytes(range(128, 256)) * 3, b"\x1f\x8b broken"):
        assert suspects(Ids(["u1x"]), None, value).possible == {"u1x"}
        assert not about("u1x", value, key=b"somebody")


def test_headers_and_keys_are_looked_at() -> None:
    assert about("u-4711-k", None, b"u-4711-k")
    assert about("u-4711-k", b"{}", b"other", b"ce_subject u-4711-k")
    assert about("u-4711-k", b"{}", "u-4711-k".encode("utf-16-le"))
    assert not about("u-4711-k", b"{}", b"u-4711-kk", b"v-4711-k")


def test_an_id_within_another_one_is_not_found_where_the_other_is_named() -> None:
    event = b'{"event_type": "view", "user_id": "anna-maria", "item_id": "i1", "timestamp": "anna-maria?"}'
    assert not about("anna", event)
    assert about("anna", event.replace(b"i1", b"anna"))


@pytest.mark.parametrize("field", ["rating", "timestamp", "item_id", "position", "event_id", "watch_duration"])
def test_a_number_is_not_found_in_another_persons_figures(field: str) -> None:
    event = b'{"user_id": 944, "event_type": "view", "%b": 5}' % field.encode()
    assert not about("5", event)
    assert not about("5", event[:-1])
    assert about("944", event)
    assert about("5", event.replace(b'"user_id": 944, ', b""))  # nobody is named: it may be anybody


@pytest.mark.parametrize(
    "value", [b'[{"user_id": 5}]', b'{"user_id": 944, "userId": 5}', b'{"data": {"user_id": "5"}}']
)
def test_a_number_is_found_where_a_name_stands(value: bytes) -> None:
    assert about("5", value)
    assert about("5", value, key=b"944")


def test_many_ids_are_searched_at_once() -> None:
    ids = Ids(f"user-{number}" for number in range(20_000))
    assert suspects(ids, None, b'[{"userId": "user-12345"}, "user-999999", "user-7"]').named == {"user-12345", "user-7"}
    ids.discard("user-7")
    assert suspects(ids, None, b'["user-7"]').all == frozenset()
    assert len(list(ids)) == 19_999


def test_a_bomb_is_bounded_and_said() -> None:
    bomb = DISGUISES["gzip"]("x" * 10_000_000)
    forms = forms_of(bomb)
    assert not forms.is_complete
    assert sum(map(len, forms.texts)) <= MAX_CHARS + 8_000_000


@given(st.binary(max_size=400))
@settings(max_examples=500, deadline=None)
def test_no_bytes_break_it(data: bytes) -> None:
    suspects(Ids(["u1", "7", "ö"]), data[:20], data, [data])
