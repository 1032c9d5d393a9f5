"""The figures of one moment, as the views show them."""

from dataclasses import dataclass

from ops.demo.endpoint_client import UserList
from ops.demo.freshness import Percentiles
from ops.demo.spotlight import ShownEvent


@dataclass(frozen=True)
class UserView:
    """One user as the log and the endpoint show them now; `shown_list` is None when the endpoint did not answer."""

    user_id: str
    events: list[ShownEvent]
    shown_list: UserList | None


@dataclass(frozen=True)
class Snapshot:
    """`lag` is None when the broker could not say, `freshness` before the first sample."""

    passed_s: float
    seconds: float
    published: int
    events_per_s: float
    lag: int | None
    lists_written: int
    freshness: Percentiles | None
    user: UserView | None
