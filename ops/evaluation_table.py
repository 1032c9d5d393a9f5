"""The figures of `freshet evaluate` as tables for people, each within 80 columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

_FIGURES = (
    ("NDCG@10", "ndcg_at_10"),
    ("MRR", "mrr"),
    ("cover", "coverage_at_10"),
    ("divers", "genre_diversity_at_10"),
    ("novel", "novelty_bits_at_10"),
)


def figures_table(report: Mapping[str, Any]) -> Table:
    """One row a model: HR@10 with its 95 % interval and the other figures of the evaluated events."""
    rows = {
        name: [
            _text(figures["hr_at_10"]),
            _between(figures["ci95"]["hr_at_10"]),
            *(_text(figures[key]) for _, key in _FIGURES),
        ]
        for name, figures in report["models"].items()
    }
    return _table(["HR@10", "95 %", *(heading for heading, _ in _FIGURES)], rows)


def history_table(report: Mapping[str, Any]) -> Table:
    """One row a model: HR@10 by how many items the user had met, HR@10 of new items, and NDCG@10 of whole lists."""
    models = report["models"]
    buckets = list(next(iter(models.values()))["by_history"]) if models else []
    rows = {
        name: [
            *(_text(figures["by_history"][bucket]["hr_at_10"]) for bucket in buckets),
            _text(figures["new_items"]["hr_at_10"]),
            _text(figures.get("whole_list", {}).get("ndcg_at_10")),
        ]
        for name, figures in models.items()
    }
    return _table([*(f"{bucket} met" for bucket in buckets), "new item", "list NDCG"], rows)


def _table(headings: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".removeprefix("0")


def _between(bounds: tuple[float, float] | None) -> str:
    return "–" if bounds is None else f"{_text(bounds[0])}–{_text(bounds[1])}"
