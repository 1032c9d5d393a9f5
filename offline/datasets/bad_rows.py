"""Rows of somebody's file that cannot be used: the first one ends the reading, or each is skipped and counted."""

from dataclasses import dataclass, field

from offline.datasets.dataset import DatasetError

_NAMED = 5


class BadValue(ValueError):
    """One value of a row, or, without a column, the row."""

    def __init__(self, problem: str, column: str | None = None) -> None:
        super().__init__(problem)
        self.column = column


@dataclass
class BadRows:
    """`skip` False = the first one raises `DatasetError`. `named` holds the first few, as sentences."""

    skip: bool = False
    count: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, file: object, number: int, problem: BadValue) -> None:
        """One more. Raises `DatasetError` unless they are skipped."""
        column = "" if problem.column is None else f", column {problem.column}"
        sentence = f"{file}, row {number}{column}: {problem}"
        if not self.skip:
            raise DatasetError(sentence)
        self.count += 1
        if len(self.named) < _NAMED:
            self.named.append(sentence)

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {"count": self.count, "first": self.named}
