"""What one deliberate mutant is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old`, which occurs once in `file`, becomes `new`; at least one test of `tests` must fail then.

    `also` are further changes of the same file, for mechanisms with two guards of which each is enough. `is_core` ones
    are tried by every run of the tests.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    also: tuple[tuple[str, str], ...] = ()
    is_core: bool = False

    @property
    def changes(self) -> tuple[tuple[str, str], ...]:
        """All (old, new)."""
        return ((self.old, self.new), *self.also)
