"""The report as one file that needs nothing else: tables, and plots as SVG inside the page."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from io import StringIO
from math import isnan
from typing import Any

from offline.experiments.metrics import BY_NAME, ExposedUsers
from offline.experiments.report import ExperimentReport, VariantReport
from offline.experiments.statistics import compare
from streams.contract.experiments import Experiment

#: Points in time at which the deciding metric is drawn.
LOOKS = 20

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .8rem; border-bottom: 1px solid #ddd }
td { text-align: right; font-variant-numeric: tabular-nums } td:first-child, th { text-align: left }
.warning { background: #fff3cd; border-left: 4px solid #e0a800; padding: .5rem 1rem } svg { max-width: 100% }
"""


def page(report: ExperimentReport, users: ExposedUsers) -> str:
    """The HTML of a report and the users that it was made of."""
    experiment = report.experiment
    parts = [f"<h1>{escape(experiment.experiment_id)}</h1>"]
    if experiment.about:
        parts.append(f"<p>{escape(experiment.about)}</p>")
    parts += [f'<p class="warning">{escape(warning)}</p>' for warning in report.warnings]
    parts.append(_users(report))
    for one in report.variants:
        parts.append(f"<h2>{escape(one.variant)}: {escape(one.verdict)}</h2>")
        parts += [_effects(report, one), _guardrails(one), _forest(one), _over_time(experiment, users, one.variant)]
    title = escape(f"Experiment {experiment.experiment_id}")
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return head + "\n".join(parts) + "</html>\n"


def percent(share: float) -> str:
    """With its sign; nothing where there is no number."""
    return "" if isnan(share) else f"{100 * share:+.2f} %"


def between(low: float, high: float) -> str:
    """An interval in percent."""
    return "" if isnan(low) else f"{percent(low)} to {percent(high)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


def _users(report: ExperimentReport) -> str:
    shares = {variant.name: variant.share_pct for variant in report.experiment.variants}
    rows = [(name, f"{count:,}", f"{shares[name]:g} %") for name, count in report.users.items()]
    return _table(("variant", "users", "share"), rows) + f"<p>Sample ratio: p = {report.sample_ratio_p:.3g}</p>"


def _effects(report: ExperimentReport, one: VariantReport) -> str:
    rows = [
        (
            f"{told.metric}{' *' if told.metric == report.experiment.metric else ''}",
            BY_NAME[told.metric].about,  # type: ignore[index]  # the report has no others
            f"{told.effect.control:.5g}",
            f"{told.effect.treated:.5g}",
            percent(told.effect.lift),
            between(told.effect.low, told.effect.high),
            between(told.effect.sequential_low, told.effect.sequential_high),
            f"{told.p_adjusted:.3g}",
            told.effect.method,
        )
        for told in one.effects
    ]
    compared = report.experiment.control.name, one.variant
    head = ("metric", "", *compared, "lift", "95 %", "at any time", "p, adjusted", "test")
    return _table(head, rows) + "<p>* decides.</p>"


def _guardrails(one: VariantReport) -> str:
    if not one.guardrails:
        return ""
    rows = [
        (rail.metric, f"{rail.margin_pct:g} %", f"{rail.worst_pct:+.2f} %", "holds" if rail.holds else "does not hold")
        for rail in one.guardrails
    ]
    return _table(("guardrail", "margin", "worst case", ""), rows)


def _forest(one: VariantReport) -> str:
    """Lifts of all metrics with both intervals."""
    from matplotlib.figure import Figure

    known = [told for told in one.effects if not isnan(told.effect.lift)][::-1]
    if not known:
        return ""
    figure = Figure(figsize=(9, 0.5 + 0.4 * len(known)), layout="constrained")
    axes = figure.subplots()
    for row, told in enumerate(known):
        effect = told.effect
        ends = 100 * effect.sequential_low, 100 * effect.sequential_high
        axes.plot(ends, (row, row), color="#9db8d2", linewidth=5, solid_capstyle="butt")
        axes.plot((100 * effect.low, 100 * effect.high), (row, row), color="#1f4e79", linewidth=2)
        axes.plot(100 * effect.lift, row, "o", color="#1f4e79", markersize=5)
    axes.axvline(0, color="#888", linewidth=1)
    axes.set_yticks(range(len(known)), [told.metric for told in known])
    axes.set_xlabel("lift in %: 95 % at the end (dark), at any time (light)")
    return _svg(figure)


def _over_time(experiment: Experiment, users: ExposedUsers, variant: str) -> str:
    """The deciding metric as it would have been seen while users came."""
    from matplotlib.figure import Figure

    number = [one.name for one in experiment.variants].index(variant)
    metric = BY_NAME[experiment.metric]
    if len(users) < LOOKS:
        return ""
    begin, end = int(users.exposed_ms.min()), int(users.exposed_ms.max()) + 1
    looks = []
    for look in range(1, LOOKS + 1):
        at_ms = begin + (end - begin) * look // LOOKS
        known = users.before(at_ms)
        effect = compare(metric.sample(known, 0), metric.sample(known, number), metric.kind)
        if not isnan(effect.lift):
            looks.append((datetime.fromtimestamp(at_ms / 1000, UTC), effect))
    if not looks:
        return ""
    times: Any = [at for at, _ in looks]
    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.subplots()
    low, high = ([100 * getattr(effect, name) for _, effect in looks] for name in ("sequential_low", "sequential_high"))
    axes.fill_between(times, low, high, color="#9db8d2", alpha=0.5, linewidth=0)
    axes.plot(times, [100 * effect.lift for _, effect in looks], color="#1f4e79")
    axes.axhline(0, color="#888", linewidth=1)
    axes.tick_params(axis="x", labelrotation=30)
    axes.set_ylabel(f"lift of {metric.name} in %")
    axes.set_xlabel("users who were exposed before, UTC")
    return _svg(figure)


def _svg(figure: Any) -> str:
    out = StringIO()
    figure.savefig(out, format="svg")
    text = out.getvalue()
    return text[text.index("<svg") :]
