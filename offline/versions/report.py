"""The comparison of two versions as one HTML file: tables and plots, no script, nothing loaded from elsewhere. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from offline.versions.list_diff import ListDiff

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;margin:.5rem 0}
td,th{padding:.2rem .8rem;border-bottom:1px solid #d5d9de;text-align:right}
td:first-child,th:first-child{text-align:left}svg{display:block}.a{fill:#8a94a3}.b{fill:#2f6fde}
text{font:12px system-ui,sans-serif;fill:#1b1f24}small{color:#59636e}
"""
_BINS = 10
_BAR_PX, _PLOT_PX = 18, 360
_GENRES = 15
_TITLE_CHARS = 60


def html_report(
    diff: ListDiff, figures: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str], made_at: str
) -> str:
    """The report. `figures` holds what was measured about a version (its quality, say) by version, `titles` those of
    items, `made_at` the time as text."""
    a, b = diff.a.version, diff.b.version
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(a)} and {escape(b)}</title>',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{escape(a)} and {escape(b)}</h1>",
            f"<small>{escape(made_at)}; lists of {diff.users} sampled users of {escape(a)}, of whom "
            f"{diff.compared} have one in {escape(b)}</small>",
            "<h2>In short</h2>",
            _table(["", a, b], summary_rows(diff)),
            f"<h2>How many of the first {diff.depth} items are the same, by user</h2>",
            _histogram(diff.overlaps),
            "<h2>Genres of the first places</h2>",
            _genre_bars(diff),
            "<h2>Items that moved</h2>",
            _table(["Item", f"users of {a}", f"users of {b}"], _mover_rows(diff, titles)),
            *_quality(figures),
            "</body></html>",
        ]
    )


def summary_rows(diff: ListDiff) -> list[tuple[str, str, str]]:
    """What is compared in words, and its value for either version; one that concerns both is under the second."""
    a, b = diff.a, diff.b
    return [
        (f"overlap@{diff.depth}, mean", "", f"{diff.overlap:.1%}"),
        ("rank-biased overlap (p = 0.9), mean", "", f"{diff.rank_biased_overlap:.3f}"),
        ("users without a list", "", f"{diff.missing_share:.1%}"),
        ("empty lists", f"{a.empty_share:.1%}", f"{b.empty_share:.1%}"),
        ("lists that are not personal", f"{a.fallback_share:.1%}", f"{b.fallback_share:.1%}"),
        (f"different items in the first {diff.depth}", str(a.coverage), str(b.coverage)),
        ("items in a list, mean", f"{a.mean_items:.1f}", f"{b.mean_items:.1f}"),
        ("bytes of a list, mean", f"{a.mean_bytes:,.0f}", f"{b.mean_bytes:,.0f}"),
    ]


def _mover_rows(diff: ListDiff, titles: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [
        (titles.get(mover.item_id, mover.item_id)[:_TITLE_CHARS], str(mover.a), str(mover.b)) for mover in diff.movers
    ]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _histogram(overlaps: Sequence[float]) -> str:
    counts = [0] * (_BINS + 1)
    for overlap in overlaps:
        counts[round(overlap * _BINS)] += 1
    rows = [(f"{bin_ / _BINS:.0%}", [("b", count / max(1, len(overlaps)))]) for bin_, count in enumerate(counts)]
    return _bars(rows)


def _genre_bars(diff: ListDiff) -> str:
    genres = list(dict.fromkeys([*diff.a.genres, *diff.b.genres]))[:_GENRES]
    rows = [(genre, [("a", diff.a.genres.get(genre, 0.0)), ("b", diff.b.genres.get(genre, 0.0))]) for genre in genres]
    legend = f"<small>grey: {escape(diff.a.version)}, blue: {escape(diff.b.version)}</small>"
    return legend + _bars(rows)


def _bars(rows: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> str:
    """Horizontal bars: a label and one or more (class, share 0–1) each, drawn to the scale of the largest."""
    largest = max((share for _, shares in rows for _, share in shares), default=0.0) or 1.0
    parts, y = [], 0
    for label, shares in rows:
        parts.append(f'<text x="0" y="{y + 13}">{escape(label[:24])}</text>')
        for name, share in shares:
            width = round(_PLOT_PX * share / largest, 1)
            parts.append(f'<rect class="{name}" x="160" y="{y + 2}" width="{width}" height="{_BAR_PX - 5}"/>')
            parts.append(f'<text x="{165 + width}" y="{y + 13}">{share:.1%}</text>')
            y += _BAR_PX
    return f'<svg width="{_PLOT_PX + 240}" height="{y + 4}" role="img">{"".join(parts)}</svg>'


def _quality(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    measured = {version: known["quality"] for version, known in figures.items() if "quality" in known}
    rows = [
        (version, str(q["metric"]), f"{q['live']:.4f}", f"{q['difference']:+.4f}", f"{q['low']:+.4f}")
        for version, q in measured.items()
    ]
    heads = ["Version", "metric", "live", "difference", "lower end"]
    return ["<h2>Quality over the same events</h2>", _table(heads, rows)] if rows else []
