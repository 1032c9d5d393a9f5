"""Users who have a profile, or a guest, and no events yet: they have no row, and still a list."""

from collections.abc import Iterator

from agents.followers.profiles import PartitionProfiles
from tables.user_plane import User, UserPlane
from tables.user_row import UserRow


def everybody(plane: UserPlane, profiles: PartitionProfiles) -> Iterator[tuple[str, UserRow | None]]:
    """All rows, then those who have guests, as users who did last what these did last, then those who have a profile
    only, as users whose last heartbeat is the profile; None for those of whom there is nothing more to say."""
    yield from plane.rows()
    for user_id in plane.linked_users():
        last_ms = plane.linked_append_ms(user_id)
        yield user_id, None if last_ms is None else UserRow(last_append_ms=last_ms)
    for user_id in profiles.users():
        seen_ms = profiles.seen_ms(user_id)
        yield user_id, None if user_id in plane else UserRow(last_append_ms=seen_ms)


def without_events(user_id: str, next_offset: int) -> User:
    """Somebody of whom nothing is folded before `next_offset`."""
    user = User.new(user_id, history_limit=0)
    user.row.last_offset = next_offset - 1
    return user
