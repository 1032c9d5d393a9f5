"""Who a list is for and when, as far as rules ask."""

from dataclasses import dataclass

from streams.catalog import UserProfile
from tables.user import User


@dataclass(frozen=True, slots=True)
class Viewer:
    """A user's row and profile, either of which may be missing, and the time."""

    user: User | None
    profile: UserProfile | None
    now_ms: int

    @property
    def country(self) -> str | None:
        """Where the user was seen last, else where the profile says they live."""
        return (self.user.row.country if self.user else "") or (self.profile.country if self.profile else None)

    @property
    def language(self) -> str | None:
        """The language the user was seen with last, else the profile's."""
        return (self.user.row.language if self.user else "") or (self.profile.language if self.profile else None)
