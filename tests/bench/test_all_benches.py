"""One report of several benches: what is measured, what is left of an interrupted one, and what it says."""

from pathlib import Path
from subprocess import CompletedProcess

import all_benches
import pytest
from all_benches import BENCHES, Bench, Figures, Report, draw, markdown, run
from measured import BenchFailed

HERE, THIS = {"processor": "one"}, {"commit": "a"}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Benches that print the number of the run; which ran."""
    ran: list[str] = []

    def measure(bench: Bench, _data: Path | None) -> Figures:
        ran.append(bench.script)
        if bench.script == "search.py":
            raise BenchFailed("exit code 1: no titles")
        return {"ratio_vs_naive_cpu": 4.0 + len(ran), "ratio_vs_static_cpu": "not a number"}

    monkeypatch.setattr(all_benches, "measure", measure)
    return ran


def test_each_runs_once_before_any_twice_and_one_that_fails_stops_no_other(answers: list[str], tmp_path: Path) -> None:
    report = Report(HERE, THIS, 2)
    run(report, ["collect", "search", "endpoint"], None, tmp_path / "out.json")
    assert answers == ["collect.py", "search.py", "endpoint.py", "collect.py", "endpoint.py"]
    assert report.failures == {"search": "exit code 1: no titles"}
    found = report.ratios()
    assert set(found) == {"collect.ratio_vs_naive_cpu", "endpoint.ratio_vs_naive_cpu"}, "only what is a number"
    collect = found["collect.ratio_vs_naive_cpu"]
    assert (collect["least"], collect["median"], collect["most"], collect["runs"]) == (5, 6.5, 8, 2)


def test_an_interrupted_report_goes_on_with_the_same_code_on_the_same_machine_only(answers: list[str]) -> None:
    former = Report(HERE, THIS, 2)
    run(former, ["collect"], None, None)
    for machine, versions, more in ((HERE, THIS, 0), ({"processor": "two"}, THIS, 2), (HERE, {"commit": "b"}, 2)):
        answers.clear()
        report = Report(machine, versions, 2)
        report.take(former.as_dict())
        run(report, ["collect"], None, None)
        assert len(answers) == more


@pytest.mark.parametrize("commit", ["a-dirty", "unknown"])
def test_runs_of_code_that_no_commit_names_are_not_taken(answers: list[str], commit: str) -> None:
    former = Report(HERE, {"commit": commit}, 1)
    run(former, ["collect"], None, None)
    report = Report(HERE, {"commit": commit}, 1)
    report.take(former.as_dict())
    assert answers == ["collect.py"]
    assert report.runs == {}


def test_the_page_says_in_a_line_why_a_bench_failed(answers: list[str]) -> None:
    report = Report(HERE, THIS, 1)
    run(report, ["search", "collect"], None, None)
    report.failures["sinks"] = "exit code 1: Traceback (most recent call last):\n  ...\nOSError: no java\n"
    lines = markdown(report, "benchmarks.svg").splitlines()
    assert answers == ["search.py", "collect.py"]
    assert "`freshet bench search` failed: exit code 1: no titles" in lines
    assert "`freshet bench sinks` failed: OSError: no java" in lines
    assert "Not measured here: `freshet bench search`." not in lines
    assert "search" not in report.runs


@pytest.mark.parametrize(
    ("code", "said", "problem"),
    [
        (0, "figures follow\nthere are none\n", "its last line is no object: figures follow\nthere are none"),
        (0, "[1, 2]\n", "its last line is no object"),
        (0, "", "its last line is no object"),
        (3, '{"a": 1}\n', "exit code 3"),
    ],
)
def test_a_bench_that_prints_no_figures_failed(
    monkeypatch: pytest.MonkeyPatch, code: int, said: str, problem: str
) -> None:
    def done(*_: object, **__: object) -> CompletedProcess[str]:
        return CompletedProcess([], code, said, "")

    monkeypatch.setattr("all_benches.subprocess.run", done)
    report = Report(HERE, THIS, 1)
    run(report, ["collect"], None, None)
    assert report.failures["collect"].startswith(problem)
    assert report.runs == {}


def test_the_page_names_what_was_measured_and_what_was_not(answers: list[str], tmp_path: Path) -> None:
    report = Report(HERE, THIS, 1)
    run(report, ["collect"], None, None)
    page = markdown(report, "benchmarks.svg")
    assert answers == ["collect.py"]
    assert "| naive event service ÷ collect, CPU an event | 5 | 5 to 5 | 1 | `freshet bench collect` |" in page
    assert "commit a" in page
    assert "Not measured here: `freshet bench peers`." in page
    draw(report, tmp_path / "benchmarks.svg")
    assert (tmp_path / "benchmarks.svg").read_text().startswith("<?xml")


def test_every_script_is_there() -> None:
    assert all((Path(all_benches.__file__).parent / bench.script).is_file() for bench in BENCHES.values())
