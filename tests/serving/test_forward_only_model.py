"""The simulation's forward-only rule is the script's: what it proves about lists holds for a real server too."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulation.redis import forward_only

from serving.keys import Keys
from serving.list_format import encode
from serving.redis_writer import ListWriter

values = st.one_of(
    st.builds(
        encode, st.integers(0, 1), st.integers(-1, 3), st.integers(0, 2), st.just(9), st.just(b"{}"), st.just([])
    ),
    st.sampled_from([b"", b"garbage"]),
)
lists = st.builds(
    encode, st.integers(0, 1), st.integers(-1, 3), st.integers(0, 2), st.just(9), st.just(b"{}"), st.just([])
)


@given(values, lists)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_script_and_simulation_agree(valkey: Any, namespace: str, stored: bytes, value: bytes) -> None:
    async def written() -> bool:
        writer = ListWriter.connect(valkey.url, Keys(namespace, "v1"))
        key = writer.keys.user_list("u")
        await writer.write_plain(key, stored, 60)
        result = await writer.write_lists([(key, value)], 60)
        await writer.close()
        return result.written == 1

    assert asyncio.run(written()) == forward_only(stored, value)
