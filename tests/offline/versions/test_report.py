"""The comparison as one file that needs nothing else."""

import re
import xml.etree.ElementTree as ET

from offline.versions.list_diff import StoredList, compare
from offline.versions.report import html_report

EVIL = "<script>alert('x')</script>"


def stored(*items: str) -> StoredList:
    return StoredList(items, "personal", 100)


def report() -> str:
    a = {"u1": stored("i1", "i2"), "u2": stored("i1", "i3")}
    b = {"u1": stored("i1", "i2"), "u2": stored("i4", "i3")}
    diff = compare(("v1", "v2"), a, b, {"i1": ["Drama"], "i4": [EVIL]})
    figures = {"v2": {"quality": {"metric": "ndcg@10", "live": 0.2, "difference": 0.01, "low": 0.004}}}
    return html_report(diff, figures, {"i4": EVIL}, "2026-01-01T00:00:00.000Z")


def test_the_file_is_self_contained_and_escapes_what_others_wrote() -> None:
    page = report()
    assert not re.search(r"<script|https?://|<link|<img|url\(", page)
    assert "&lt;script&gt;" in page


def test_the_page_is_well_formed_and_holds_every_figure() -> None:
    body = report().split("</head>")[1].removesuffix("</html>")
    page = ET.fromstring(body)
    cells = ["".join(cell.itertext()) for cell in page.iter("td")]
    assert "75.0%" in cells  # the mean overlap of one equal list and one that is half equal
    assert "ndcg@10" in cells
    plots = list(page.iter("svg"))
    assert len(plots) == 2
    bars = [float(bar.get("width", "nan")) for bar in plots[0].iter("rect")]
    assert len(bars) == 11
    assert bars[10] == bars[5] == max(bars) > 0


def test_without_a_measured_quality_the_section_is_left_out() -> None:
    diff = compare(("v1", "v2"), {"u1": stored("i1")}, {"u1": stored("i1")}, {})
    assert "Quality" not in html_report(diff, {}, {}, "now")
