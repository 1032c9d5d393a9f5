"""Who is served by which version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.live_pointer import InvalidPointer, LivePointer, bucket_of


def rollout(percent: int, salt: str = "s") -> LivePointer:
    return LivePointer({"v2": percent, "v1": 100 - percent}, salt=salt)


@given(st.text(), st.integers(0, 100), st.integers(0, 100))
def test_whoever_is_in_at_a_small_share_is_in_at_a_larger_one(user_id: str, share: int, other: int) -> None:
    small, large = sorted((share, other))
    assert rollout(small).version_of(user_id) == "v1" or rollout(large).version_of(user_id) == "v2"


def test_shares_are_what_they_say() -> None:
    users = [f"u{n}" for n in range(20_000)]
    served = sum(rollout(25).version_of(user_id) == "v2" for user_id in users)
    assert served / len(users) == pytest.approx(0.25, abs=0.015)


def test_another_salt_draws_other_users() -> None:
    users = [f"u{n}" for n in range(20_000)]
    both = sum(bucket_of("a", user_id) < 10 and bucket_of("b", user_id) < 10 for user_id in users)
    assert both / len(users) == pytest.approx(0.01, abs=0.003)


@given(st.integers(0, 100), st.integers(0, 2**31), st.text("ab"))
def test_what_is_written_is_read(percent: int, sequence: int, salt: str) -> None:
    pointer = LivePointer({"v2": percent, "v1": 100 - percent}, sequence, salt, {"v2": "candidate"})
    assert LivePointer.decode(pointer.encode()) == pointer


@pytest.mark.parametrize(
    "value", [b"", b"[]", b"{}", b'{"version": 5}', b'{"version": {"v1": 99}}', b'{"version": {"v1": -1, "v2": 101}}']
)
def test_anything_else_is_no_pointer(value: bytes) -> None:
    with pytest.raises(InvalidPointer):
        LivePointer.decode(value)
