"""Deliberate mutants of guests: whose part is written and when, what a user is seen with and told, and which links
hold."""

from mutant import Mutant

WORLD = ("tests/invariants/test_guests.py",)
JOINED = ("tests/tables/test_linked_user.py",)

GUESTS_FILE = "agents/guests.py"
LINKS_FILE = "agents/followers/links.py"
JOINED_FILE = "tables/linked_user.py"

GUESTS = [
    Mutant(
        "parts of users who are owned elsewhere stay",
        "agents/followers/guest_parts.py",
        "GuestParts.drop",
        "self._partitions.pop(partition, None)",
        "pass",
        WORLD,
    ),
    Mutant(
        "what a guest did after the link stays with them",
        GUESTS_FILE,
        "Guests.note",
        "self._with_rows.update(((user_id, linked[user_id]), None) for user_id in users if user_id in linked)",
        "pass",
        WORLD,
        is_core=True,
    ),
    Mutant(
        "a new owner of guests finds nothing undone",
        GUESTS_FILE,
        "Guests.begin",
        "dict.fromkeys(self._undone(plane))",
        "{}",
        WORLD,
    ),
    Mutant(
        "a withdrawn link leaves the guest's part",
        GUESTS_FILE,
        "Guests.take",
        "self._part(plane, guest_id) if self._links.users.get(guest_id) == user else None",
        "self._part(plane, guest_id)",
        WORLD,
    ),
    Mutant(
        "as many parts at once as links came",
        GUESTS_FILE,
        "Guests.take",
        "islice(self._behind, self._most_behind)",
        "self._behind",
        WORLD,
    ),
    Mutant(
        "a withdrawn link leaves a part that is read late",
        GUESTS_FILE,
        "Guests.look",
        "self._links.users.get(guest_id) != user",
        "False",
        WORLD,
    ),
    Mutant(
        "a child reads what somebody else watched",
        "ranking/reasons.py",
        "citable",
        "_IS_REASON[interests.codes] & shown",
        "_IS_REASON[interests.codes]",
        ("tests/ranking/test_reasons.py",),
    ),
    Mutant(
        "the second link of a guest holds",
        LINKS_FILE,
        "Links._link",
        "raise InvalidEvent(Reason.ALREADY_LINKED, 'the guest is linked with another user')",
        "pass",
        WORLD,
    ),
    Mutant("chains of guests hold", LINKS_FILE, "Links._link", "user_id in self._guests", "False", WORLD),
    Mutant(
        "events of a guest count twice",
        JOINED_FILE,
        "linked_user",
        "row.folded = sum(one.folded for one in rows)",
        "row.folded = sum(one.folded for one in [*rows, *guests])",
        JOINED,
    ),
    Mutant(
        "guests in the order they come",
        JOINED_FILE,
        "linked_user",
        "sorted(parts, key=msgspec.msgpack.encode)",
        "list(parts)",
        JOINED,
    ),
    Mutant(
        "an item as of the guest's hour",
        JOINED_FILE,
        "_seen",
        "max(hour, seen.hours.get(item_id, hour))",
        "hour",
        JOINED,
    ),
]
