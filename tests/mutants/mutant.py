"""What one deliberate mutant is."""

from dataclasses import dataclass

from places import Change


@dataclass(frozen=True)
class Mutant:
    """In the definition `within` of `file`, `old` becomes `new` (see `places`); one test of `tests` must fail then.

    `also` are further changes of the same file, for mechanisms with two guards of which each is enough. `is_core` ones
    are tried by every run of the tests.
    """

    name: str
    file: str
    within: str
    old: str
    new: str
    tests: tuple[str, ...]
    also: tuple[Change, ...] = ()
    is_core: bool = False

    @property
    def changes(self) -> tuple[Change, ...]:
        """All of them."""
        return (Change(self.within, self.old, self.new), *self.also)
