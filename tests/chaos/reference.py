"""The same log folded by one worker that nothing is done to, and what the disturbed version made differently."""

from harness.cluster import Cluster, Rows, StackConfig


async def rows_that_differ(disturbed: Cluster, place: StackConfig) -> int:
    """How many user rows and integer item rows are not the same bytes in both versions. Both must have some."""
    async with Cluster(place, "reference") as reference:
        worker = reference.start_worker("undisturbed")
        await reference.wait_until_caught_up()
        await disturbed.wait_until_caught_up()
        pairs = [
            (await disturbed.user_rows(), await reference.user_rows()),
            (await disturbed.item_counts(), await reference.item_counts()),
        ]
        assert not worker.exits, f"the undisturbed worker exited: {worker.exits}"
    assert all(wanted for _, wanted in pairs), "there is nothing to compare with"
    return sum(_differences(found, wanted) for found, wanted in pairs)


def _differences(found: Rows, wanted: Rows) -> int:
    return sum(found.get(place) != wanted.get(place) for place in found.keys() | wanted.keys())
