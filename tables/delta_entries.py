"""Entries of `item.deltas` while a batch is folded: growing columns for one target partition."""

from tables.signal import Signal

LEARNS = 1
LATE = 2


class Entries:
    """Entries for one target partition while a batch is folded; without entries it is a tick."""

    __slots__ = (
        "codes",
        "completions",
        "context",
        "context_sizes",
        "countries",
        "flags",
        "group_hours",
        "group_items",
        "group_offsets",
        "group_sizes",
        "hours",
        "items",
        "lags",
        "offsets",
        "others",
        "queries",
        "query_countries",
        "query_hours",
        "ratings",
        "strings",
        "viewers",
        "watermark_ms",
    )

    def __init__(self) -> None:
        self.strings = _StringTable()
        # The highest that a signal brought: unlike the watermark after the batch, the same under any batching.
        self.watermark_ms = 0
        # One element a visit: a signal for the partition that owns its item.
        self.items: list[int] = []
        self.codes = bytearray()
        self.flags = bytearray()
        self.countries: list[int] = []
        self.hours: list[int] = []
        self.offsets: list[int] = []
        self.context_sizes = bytearray()
        self.context: list[int] = []  # all contexts joined, each newest first
        self.viewers: list[int] = []
        self.completions: list[int] = []
        self.ratings: list[int] = []
        # One element a group: a visit of an item elsewhere, for the partition that owns the `others` before it.
        self.group_items: list[int] = []
        self.group_hours: list[int] = []
        self.group_offsets: list[int] = []
        self.group_sizes = bytearray()
        self.others: list[int] = []  # all groups joined
        self.lags = bytearray()  # how many places before the visit (0 = just before), one byte per other

        # One element a search, for the partition that owns the query.
        self.queries: list[int] = []
        self.query_countries: list[int] = []
        self.query_hours: list[int] = []

    def __len__(self) -> int:
        return len(self.items) + len(self.group_items) + len(self.queries)

    def add_visit(self, signal: Signal) -> None:
        """Add a signal whose item the target partition owns."""
        number = self.strings
        self.watermark_ms = max(self.watermark_ms, signal.watermark_ms)
        self.items.append(number[signal.item_id])
        self.codes.append(signal.code)
        self.flags.append(LEARNS * signal.learns + LATE * signal.late)
        self.countries.append(number[signal.country])
        self.hours.append(signal.hour)
        self.offsets.append(signal.offset)
        self.context_sizes.append(len(signal.context))
        self.context += [number[item_id] for item_id in signal.context]
        self.viewers.append(signal.viewer)
        self.completions.append(signal.completion)
        self.ratings.append(signal.rating)

    def add_search(self, signal: Signal) -> None:
        """Add a search whose query the target partition owns."""
        self.watermark_ms = max(self.watermark_ms, signal.watermark_ms)
        self.queries.append(self.strings[signal.query])
        self.query_countries.append(self.strings[signal.country])
        self.query_hours.append(signal.hour)

    def add_pairs(self, signal: Signal, lags: list[int]) -> None:
        """Add the pairs of a signal with the items at `lags` in its context, which the target partition owns."""
        number = self.strings
        self.watermark_ms = max(self.watermark_ms, signal.watermark_ms)
        self.group_items.append(number[signal.item_id])
        self.group_hours.append(signal.hour)
        self.group_offsets.append(signal.offset)
        self.group_sizes.append(len(lags))
        self.others += [number[signal.context[lag]] for lag in lags]
        self.lags += bytes(lags)


class _StringTable(dict[str, int]):
    """Numbers strings in order of first use."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number
