"""The comparison as one file that needs nothing else."""

import re
import xml.etree.ElementTree as ET

from offline.versions.list_diff import StoredList, compare
from offline.versions.quality import MetricDifference, Period, Quality, QualityDecision
from offline.versions.report import html_report

EVIL = "<script>alert('x')</script>"
QUALITY = Quality(
    300,
    0,
    (MetricDifference("ndcg@10", 0.2, 0.21, 0.004, 0.016), MetricDifference("hr@10", 0.3, 0.31, None, None)),
    (Period(0, 150, 0.25, 0.5), Period(86_400_000, 150, 0.125, 0.0)),
    decision=QualityDecision(200, MetricDifference("ndcg@10", 0.2, 0.205, -0.01, 0.02)),
)


def stored(*items: str) -> StoredList:
    return StoredList(items, "personal", 100)


def report() -> str:
    a = {"u1": stored("i1", "i2"), "u2": stored("i1", "i3")}
    b = {"u1": stored("i1", "i2"), "u2": stored("i4", "i3")}
    diff = compare(("v1", "v2"), a, b, {"i1": ["Drama"], "i4": [EVIL]})
    figures = {"v1": {"user_rows_bytes": 2_000, "lists": 7}, "v2": {"events_per_cpu_s": 4_321.0}}
    return html_report(diff, QUALITY, figures, {"i4": EVIL}, "2026-01-01T00:00:00.000Z")


def test_the_file_is_self_contained_and_escapes_what_others_wrote() -> None:
    page = report()
    assert not re.search(r"<script|https?://|<link|<img|url\(", page)
    assert "&lt;script&gt;" in page


def test_the_page_is_well_formed_and_holds_every_figure() -> None:
    body = report().split("</head>")[1].removesuffix("</html>")
    page = ET.fromstring(body)
    cells = ["".join(cell.itertext()) for cell in page.iter("td")]
    assert "75.0%" in cells  # the mean overlap of one equal list and one that is half equal
    assert {"0.2000", "0.2100", "+0.0100 (+0.0040 to +0.0160)", "0.3100", "300"} <= set(cells)
    assert {"ndcg@10 of the first 200, by which the gate decides", "+0.0050 (-0.0100 to +0.0200)"} <= set(cells)
    assert {"4,321", "2,000", "700"} <= set(cells)  # 7 lists of 100 bytes
    plots = list(page.iter("svg"))
    assert len(plots) == 3
    lines = [
        [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
        for line in plots[0].iter("polyline")
    ]
    heights = [[160 - y for _, y in line] for line in lines]
    assert heights[1][0] == 2 * heights[0][0] == 4 * heights[0][1] > 0
    assert heights[1][1] == 0
    bars = [float(bar.get("width", "nan")) for bar in plots[1].iter("rect")]
    assert len(bars) == 11
    assert bars[10] == bars[5] == max(bars) > 0


def test_without_a_measured_quality_the_section_is_left_out() -> None:
    diff = compare(("v1", "v2"), {"u1": stored("i1")}, {"u1": stored("i1")}, {})
    page = html_report(diff, None, {}, {}, "now")
    assert "<polyline" not in page
    assert "events evaluated under both" in page
