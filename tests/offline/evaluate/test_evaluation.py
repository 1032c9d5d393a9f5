"""The whole evaluation on a small log: what is reported, what is left out and what can be drawn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_up_log import DAY_MS, log

from offline.datasets.column_map import ColumnMap
from offline.datasets.dataset import DatasetError
from offline.datasets.own_files import OwnFiles, TableFile
from offline.evaluate import evaluation, models
from offline.evaluate.baselines.popularity import Popularity
from offline.evaluate.evaluation import Evaluation, evaluate
from offline.evaluate.log import EvaluationLog
from offline.evaluate.models import EvaluationConditions
from offline.evaluate.picture import draw
from offline.evaluate.prequential import Window, prequential
from offline.evaluate.report import difference
from streams.contract.catalog import CatalogItem

EVENTS = log([f"{user}{item}" for user in "stuvwxyz" for item in "abcdefgh"], step_ms=DAY_MS // 10)
CATALOG = {item: CatalogItem(item, item.upper(), genres=(f"genre {item}",)) for item in "abcdefgh"}
NAMES = ["freshet", "popularity"]


@contextmanager
def silent(_: str, __: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


def evaluated(names: list[str] = NAMES, *, lists: bool = True, seed: int = 1) -> Evaluation:
    log = EvaluationLog(EVENTS, CATALOG, repeats=3)
    return evaluate(
        log, Window(32, 64), names, EvaluationConditions(CATALOG, seed=seed), silent, with_whole_lists=lists
    )


def test_the_report_has_what_is_promised() -> None:
    report = evaluated().as_dict()
    assert (report["events"], report["evaluated"], report["users"], report["items"]) == (64, 32, 8, 8)
    assert report["repeats_left_out"] == 3
    assert list(report["models"]) == NAMES
    for figures in report["models"].values():
        assert 0 < figures["ndcg_at_10"] <= figures["hr_at_10"] <= 1
        assert figures["mrr"] > 0
        low, high = figures["ci95"]["hr_at_10"]
        assert low <= figures["hr_at_10"] <= high
        assert sum(part["evaluated"] for part in figures["by_history"].values()) == 32
        assert figures["by_history"]["0"]["evaluated"] == 4
        assert figures["whole_list"]["ndcg_at_10"] == 0  # everybody's last two are the same, and nobody met them before
        assert figures["coverage_at_10"] == 1.0
        assert figures["three_genres_in_20"] < 1
        assert (
            figures["genre_miscalibration_at_10"] > 4
        )  # every item is the only one of its genre, and none is repeated
    assert report["freshet_minus"]["popularity"].keys() >= {"hr_at_10", "ndcg_ratio", "whole_list_ndcg_at_10"}


def test_the_same_seed_gives_the_same_report() -> None:
    assert evaluated().as_dict() == evaluated().as_dict()


def test_without_freshet_nothing_is_compared_with_it() -> None:
    report = evaluated(["popularity"], lists=False).as_dict()
    assert "freshet_minus" not in report
    assert "whole_list" not in report["models"]["popularity"]


def test_models_that_need_too_much_memory_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "DENSE_ITEMS", 7)
    report = evaluated(["popularity", *sorted(models.DENSE)], lists=False).as_dict()
    assert list(report["models"]) == ["popularity"]
    assert report["skipped"].keys() == models.DENSE
    assert "8 items are more than 7" in report["skipped"]["ease_nightly"]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"quality.{suffix}"
    draw(evaluated(lists=False).evaluated, path)
    assert path.stat().st_size > 1000


def test_a_picture_of_no_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="txt"):
        draw(evaluated(lists=False).evaluated, tmp_path / "quality.txt")


def own(folder: Path, text: str) -> OwnFiles:
    path = folder / "log.csv"
    path.write_text(text)
    return OwnFiles([TableFile(path, ColumnMap.of_events("user=u,item=i,time=t"))])


def test_first_interactions_only(tmp_path: Path) -> None:
    dataset = own(tmp_path, "u,i,t\n1,a,1700000010\n1,a,1700000011\n2,a,1700000012\n1,b,1700000013\n")
    kept = EvaluationLog.of(dataset)
    assert [(event.user_id, event.item_id) for event in kept.events] == [("1", "a"), ("2", "a"), ("1", "b")]
    assert kept.repeats == 1
    assert len(EvaluationLog.of(dataset, limit=2).events) == 2


def test_what_the_log_would_refuse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"log\.csv, row 1: out_of_range: "):
        EvaluationLog.of(own(tmp_path, f"u,i,t\n{'u' * 2000},a,1700000010\n"))


def test_a_difference_is_of_the_events_that_both_were_evaluated_at() -> None:
    whole = evaluated(["popularity"], lists=False).evaluated["popularity"]
    sample = prequential(EVENTS, Popularity(), Window(32, 64, every=4))
    found = difference(whole, sample, seed=1)
    assert (found["hr_at_10"], found["ndcg_at_10"], found["ndcg_ratio"]) == (0.0, 0.0, 1.0)
    assert found["hr_at_10_ci95"] == (0.0, 0.0)
