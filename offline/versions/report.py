"""The comparison of two versions as one HTML file: tables and plots, no script, nothing loaded from elsewhere. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from offline.versions.list_diff import ListDiff
from offline.versions.quality import MetricDifference, Quality
from serving.fragments import rfc3339

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;margin:.5rem 0}
td,th{padding:.2rem .8rem;border-bottom:1px solid #d5d9de;text-align:right}
td:first-child,th:first-child{text-align:left}svg{display:block}.a{fill:#8a94a3}.b{fill:#2f6fde}
polyline{fill:none!important;stroke-width:2}polyline.a{stroke:#8a94a3}polyline.b{stroke:#2f6fde}
text{font:12px system-ui,sans-serif;fill:#1b1f24}small{color:#59636e}
"""
#: What was measured about versions, by version.
Figures = Mapping[str, Mapping[str, Any]]
Row = tuple[str, str, str]

_BINS = 10
_BAR_PX, _PLOT_PX, _HEIGHT_PX = 18, 360, 160
_GENRES = 15
_TITLE_CHARS = 60


def html_report(
    diff: ListDiff, quality: Quality | None, figures: Figures, titles: Mapping[str, str], made_at: str
) -> str:
    """The report. `quality` is of the second version against the first over the same events, `figures` holds what was
    measured about either by version, `titles` those of items, `made_at` the time as text."""
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
            _table(["", a, b], summary_rows(diff, quality, figures)),
            *([] if quality is None else _quality(quality, a, b)),
            f"<h2>How many of the first {diff.depth} items are the same, by user</h2>",
            _histogram(diff.overlaps),
            "<h2>Genres of the first places</h2>",
            _genre_bars(diff),
            "<h2>Items that moved</h2>",
            _table(["Item", f"users of {a}", f"users of {b}"], _mover_rows(diff, titles)),
            "</body></html>",
        ]
    )


def summary_rows(diff: ListDiff, quality: Quality | None, figures: Figures) -> list[Row]:
    """What is compared in words, and its value for either version; one that concerns both is under the second."""
    return [*_quality_rows(quality), *_list_rows(diff), *_cost_rows(diff, figures)]


def _quality_rows(quality: Quality | None) -> list[Row]:
    if quality is None:
        return [("events evaluated under both", "", "0")]
    rows = [("events evaluated under both", "", f"{quality.events:,}")]
    if quality.stale:
        rows.append(("more, of which items knew too little", "", f"{quality.stale:,}"))
    for found in quality.differences:
        rows.append((found.metric, f"{found.live:.4f}", f"{found.candidate:.4f}"))
        rows += _interval_row(found, f"{found.metric}, difference and 95 % interval")
    if quality.decision is not None:
        of_first = (
            f"{quality.decision.found.metric} of the first {quality.decision.events:,}, by which the gate decides"
        )
        rows += _interval_row(quality.decision.found, of_first)
    return rows


def _interval_row(found: MetricDifference, words: str) -> list[Row]:
    if found.low is None or found.high is None:
        return []
    return [(words, "", f"{found.difference:+.4f} ({found.low:+.4f} to {found.high:+.4f})")]


def _cost_rows(diff: ListDiff, figures: Figures) -> list[Row]:
    sides = [figures.get(side.version, {}) for side in (diff.a, diff.b)]
    told = {
        "events folded a second of CPU": "events_per_cpu_s",
        "bytes of user rows, about": "user_rows_bytes",
        "bytes of the item model, about": "item_model_bytes",
    }
    rows = [(words, *[_number(side.get(name)) for side in sides]) for words, name in told.items()]
    lists = [round(of.mean_bytes * side.get("lists", 0)) for of, side in zip((diff.a, diff.b), sides, strict=True)]
    return [(name, a, b) for name, a, b in [*rows, ("bytes of lists, about", *map(_number, lists))]]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _list_rows(diff: ListDiff) -> list[Row]:
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


def _quality(quality: Quality, a: str, b: str) -> list[str]:
    foreseen = f", {quality.foreseen:,} of them with knowledge of what came later" if quality.foreseen else ""
    times = [rfc3339(quality.periods[0].begin_ms), rfc3339(quality.periods[-1].begin_ms)] if quality.periods else []
    return [
        "<h2>HR@10 over the same events</h2>",
        f"<small>{quality.events:,} events{foreseen}, {' to '.join(times)}</small><br/>",
        f"<small>grey: {escape(a)}, blue: {escape(b)}</small>",
        _lines([[period.live for period in quality.periods], [period.candidate for period in quality.periods]]),
    ]


def _lines(series: Sequence[Sequence[float]]) -> str:
    """The first series in the colour of the first version, the second in that of the second, from left to right."""
    highest = max((value for values in series for value in values), default=0.0) or 1.0
    parts = [f'<text x="0" y="13">{highest:.3f}</text><text x="0" y="{_HEIGHT_PX}">0</text>']
    for name, values in zip("ab", series, strict=True):
        step = _PLOT_PX / max(1, len(values) - 1)
        points = " ".join(
            f"{60 + number * step:.1f},{_HEIGHT_PX - (_HEIGHT_PX - 8) * value / highest:.1f}"
            for number, value in enumerate(values)
        )
        parts.append(f'<polyline class="{name}" points="{points}"/>')
    return f'<svg width="{_PLOT_PX + 80}" height="{_HEIGHT_PX + 8}" role="img">{"".join(parts)}</svg>'
