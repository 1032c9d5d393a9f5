"""Keys of erasable logs name their user, whatever the ids look like."""

from hypothesis import given
from hypothesis import strategies as st

from streams.contract.partitioning import partition_of
from streams.contract.user_records import record_key, user_of, user_partition


@given(st.text(min_size=1, max_size=128), st.text(st.characters(exclude_characters="\0"), max_size=64))
def test_a_key_names_its_user(user_id: str, record_id: str) -> None:
    user_id = user_id.encode("utf-8", "ignore").decode() or "u"
    record_id = record_id.encode("utf-8", "ignore").decode()
    assert user_of(record_key(user_id, record_id)) == user_id.encode()


def test_a_bare_key_is_the_user() -> None:
    assert user_of(b"u1") == b"u1"


def test_records_are_in_the_partition_of_their_user() -> None:
    assert user_partition("u1", 7) == partition_of(b"u1", 7)
