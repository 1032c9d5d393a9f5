"""The simulated world: the embedded default where no data set is given.

Deterministic: the same arguments give the same records, byte for byte.
"""

from collections.abc import Iterator
from itertools import chain

from offline.datasets.rows import ItemRow, ProfileRow
from offline.simulator.activity import SimulatedActivity
from offline.simulator.bots import among_users, bot_ids, bots_at_work
from offline.simulator.changes import Changes
from offline.simulator.clocks import Clocks
from offline.simulator.fault_injection import FaultInjection
from offline.simulator.preferences import LatentPreferences
from offline.simulator.records import Expected, SimulatedRecord


class World:
    """People, items and what happens between them.

    `users` and `items` (1 or more) exist at `start_ms`; valid events follow at `events_per_s` on average, their
    timestamps included. For every 1,000 valid events there are `new_items_per_1000` new items, and for every one
    `malformed_share`, `duplicate_share` and `wrong_partition_share` (0 to 1) of such records; the last kind needs the
    number of `partitions` of the topic. `clocks` says how many come late or bear a wrong time, `drift_per_day` and
    `fashion` how preferences and countries move (see `Changes`). `bots` users (0 or more) are programs that do hundreds
    of things a minute, in addition to `events_per_s`.

    `expected` says what must become of the records handed out so far; `preferences`, `people`, `items` (those at
    the start), `changes` and `bot_ids` are the truth behind them.

    >>> world = World(seed=7, users=10, items=20, start_ms=1_700_000_000_000)
    >>> records = list(world.events(100))
    >>> world.expected.published
    100
    """

    def __init__(
        self,
        seed: int,
        users: int,
        items: int,
        *,
        start_ms: int,
        events_per_s: float = 100.0,
        malformed_share: float = 0.01,
        duplicate_share: float = 0.02,
        wrong_partition_share: float = 0.0,
        partitions: int = 1,
        new_items_per_1000: float = 1.0,
        clocks: Clocks | None = None,
        bots: int = 0,
        drift_per_day: float = 0.0,
        fashion: float = 0.0,
    ) -> None:
        self.expected = Expected()
        self.preferences = LatentPreferences(seed)
        self.people = self.preferences.people(users, start_ms)
        self.items = [self.preferences.next_item() for _ in range(items)]
        self.changes = Changes(self.preferences, start_ms, drift_per_day, fashion)
        self.bot_ids = bot_ids(users, bots)
        fault_injection = FaultInjection(
            malformed_share, duplicate_share, wrong_partition_share, partitions, clocks or Clocks()
        )
        activity = SimulatedActivity(
            seed, self.preferences, self.people, self.items, start_ms, events_per_s, new_items_per_1000, self.changes
        )
        at_work = bots_at_work(seed, self.bot_ids, self.items, start_ms)
        self._records = fault_injection.records(among_users(activity, at_work), seed)

    def catalog(self) -> Iterator[ItemRow]:
        """The items that exist at the start; later ones come with the events."""
        return (item.row for item in self.items)

    def profiles(self) -> Iterator[ProfileRow]:
        """The profiles of those who have one."""
        return (person.profile for person in self.people if person.profile is not None)

    def events(self, count: int | None = None, until_ms: int | None = None) -> Iterator[SimulatedRecord]:
        """The next records in the order to publish them; calling it again goes on.

        Ends after `count` records for the interactions topic, or before the first record due at `until_ms` or later;
        without either it never ends. Every record handed out is counted in `expected`.
        """
        last = None if count is None else self.expected.published + count
        while last is None or self.expected.published < last:
            record = next(self._records)
            if until_ms is not None and record.due_ms >= until_ms:
                self._records = chain([record], self._records)
                return
            self.expected.count(record)
            yield record
