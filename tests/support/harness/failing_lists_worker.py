"""`freshet worker` of a release with a mistake: no list can be made for whoever is called unlucky. Run as a process of
its own."""

import sys
from typing import Any

from agents.lists.list_maker import ListMaker
from ops.cli import main

UNLUCKY = "unlucky"


def make_a_mistake() -> None:
    """Patches the class."""
    make = ListMaker.values_of

    def mistaken(self: ListMaker, asked: Any, *given: Any) -> Any:
        if any(user.user_id.startswith(UNLUCKY) for user, _ in asked):
            raise ZeroDivisionError("a mistake of this release")
        return make(self, asked, *given)

    ListMaker.values_of = mistaken  # type: ignore[method-assign]


if __name__ == "__main__":
    make_a_mistake()
    sys.argv = ["freshet", "worker"]
    main()
