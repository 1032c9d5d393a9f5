"""From lists and events to a verdict: what counts, what stops a report, what is decided by what."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from made_up_experiments import STARTED_MS, running

from offline.experiments.exposures import ShownList, exposed_users
from offline.experiments.metrics import COLUMNS, ExposedUsers
from offline.experiments.page import page
from offline.experiments.report import ExperimentReport, report_of
from streams.contract.events import EventType, Interaction
from streams.contract.experiments import Experiment, Guardrail
from streams.contract.units import DAY_MS, HOUR_MS, SECOND_MS

EXPERIMENT = running()
GENRES = {"a": ("x", "y"), "b": ("x",), "c": ()}
SHOWN_MS = STARTED_MS + HOUR_MS


def shown(user: str = "u", at_ms: int = SHOWN_MS, **more: Any) -> ShownList:
    return ShownList(user, at_ms, "a", "treatment", "personal", ("a", "b", "c"), "v1")._replace(**more)


def did(kind: EventType, item: str = "a", after_ms: int = SECOND_MS, **more: Any) -> Interaction:
    fields: dict[str, Any] = {"event_id": f"{kind}-{item}-{after_ms}", **more}
    return Interaction(event_type=kind, user_id="u", item_id=item, timestamp_ms=SHOWN_MS + after_ms, **fields)


def counted(
    *events: Interaction, lists: tuple[ShownList, ...] = (shown(),), of: Experiment = EXPERIMENT
) -> dict[str, float]:
    users, changed = exposed_users(of, lists, events, GENRES, DAY_MS)
    assert (len(users), changed) == (1, 0)
    return {name: value for name, value in zip(COLUMNS, users.columns[0].tolist(), strict=True) if value}


LIST = {"lists": 1, "impressions": 3, "genres": 2}


def test_a_list_counts_its_items_genres_and_whose_it_is() -> None:
    assert counted() == LIST
    assert counted(lists=(shown(), shown(at_ms=SHOWN_MS + 1, source="popular"))) == {
        "lists": 2, "impressions": 6, "genres": 4, "fallbacks": 1,
    }  # fmt: skip


def test_a_list_of_another_version_than_the_variants_is_a_fallback() -> None:
    treated = [
        msgspec.structs.replace(one, model_version="v2" if one.name == "treatment" else None)
        for one in EXPERIMENT.variants
    ]
    of = msgspec.structs.replace(EXPERIMENT, variants=tuple(treated))
    lists = shown(model_version="v2"), shown(at_ms=SHOWN_MS + 1, model_version="v1")
    assert counted(lists=lists, of=of)["fallbacks"] == 1
    assert "fallbacks" not in counted(lists=lists), "a variant that only ranks otherwise is of any version"


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([did(EventType.CLICK)], {"clicks": 1}),
        ([did(EventType.CLICK), did(EventType.CLICK)], {"clicks": 1}),  # one event id
        ([did(EventType.CLICK), did(EventType.CLICK, after_ms=2_000)], {"clicks": 1}),  # one showing
        ([did(EventType.CLICK, "z")], {}),  # not shown
        ([did(EventType.CLICK, after_ms=DAY_MS + 1)], {}),  # beyond the window
        ([did(EventType.CLICK, after_ms=-1)], {"clicks_before": 1}),
        ([did(EventType.CLICK, after_ms=-15 * DAY_MS)], {}),
        ([did(EventType.WATCH_START), did(EventType.WATCH_END, watch_duration_s=60.0, completion_pct=95.0)],
         {"watches": 1, "watch_s": 60, "finished": 1}),
        ([did(EventType.WATCH_END, "z", watch_duration_s=5.0, completion_pct=1.0)], {"watches": 1, "watch_s": 5}),
        ([did(EventType.RATING, rating=4.5)], {"ratings": 1, "rating_sum": 4.5}),
        ([did(EventType.RATING, after_ms=-5, rating=4.5)], {"ratings_before": 1}),
        ([did(EventType.WATCH_END, after_ms=-5, watch_duration_s=7.0)], {"watches_before": 1, "watch_s_before": 7}),
        ([did(EventType.IMPRESSION), did(EventType.LIKE)], {}),
    ],
)  # fmt: skip
def test_what_is_counted_of_events(events: list[Interaction], found: dict[str, float]) -> None:
    assert counted(*events) == LIST | found


def test_a_click_counts_for_each_time_that_the_item_was_shown() -> None:
    twice = (shown(), shown(at_ms=SHOWN_MS + HOUR_MS))
    clicks = did(EventType.CLICK), did(EventType.CLICK, after_ms=2 * HOUR_MS)
    assert counted(*clicks, lists=twice)["clicks"] == 2


def test_only_lists_of_the_experiment_expose_and_nothing_counts_after_its_end() -> None:
    others = shown("v", experiment_id="b"), shown("w", variant="fame"), shown("x", experiment_id="", variant="v1")
    stopped = msgspec.structs.replace(EXPERIMENT, state="stopped", stopped_ms=SHOWN_MS + HOUR_MS)
    late = shown("y", at_ms=SHOWN_MS + HOUR_MS)
    found = counted(did(EventType.CLICK, after_ms=HOUR_MS), lists=(shown(), *others, late), of=stopped)
    assert found == LIST
    users, _ = exposed_users(EXPERIMENT, (shown(experiment_id="z,a", variant="q,control"),), (), GENRES, DAY_MS)
    assert users.variant.tolist() == [0], "of the experiments of several layers"


def test_whoever_was_shown_several_variants_is_left_out_and_counted() -> None:
    lists = shown(), shown(variant="control"), shown("v")
    users, changed = exposed_users(EXPERIMENT, lists, (), GENRES, DAY_MS)
    assert (len(users), changed) == (1, 1)
    warnings = report_of(EXPERIMENT, users, changed_variant=1).warnings
    assert warnings[0].startswith("1 users were shown lists of several variants")


def simulated(users: int = 4_000, lift: float = 0.0, treated_share: float = 0.5, slower: float = 0.0) -> ExposedUsers:
    """Clicks of treated users are more by `lift`, their watch time less by `slower`."""
    generator = np.random.default_rng(7)
    variant = (generator.random(users) < treated_share).astype(np.int64)
    columns = dict.fromkeys(COLUMNS, np.ones(users))
    columns["impressions"] = np.full(users, 20.0)
    columns["clicks"] = generator.binomial(20, 0.1 * (1 + lift * variant)).astype(float)
    columns["watch_s"] = generator.gamma(4.0, 100.0 * (1 - slower * variant))
    columns["clicks_before"] = generator.poisson(2, users).astype(float)
    stacked = np.stack([columns[name] for name in COLUMNS], axis=1)
    return ExposedUsers(variant, STARTED_MS + np.arange(users) * SECOND_MS, stacked)


def reported(users: ExposedUsers, **more: Any) -> ExperimentReport:
    fields: dict[str, Any] = {"min_users": 1_000, "state": "stopped", "stopped_ms": STARTED_MS + DAY_MS, **more}
    return report_of(running(**fields), users)


def test_a_lift_is_found_and_said() -> None:
    found = reported(simulated(lift=0.2))
    (treatment,) = found.variants
    assert (treatment.verdict, found.warnings) == ("better", ())
    effects = {told.metric: told.effect for told in treatment.effects}
    assert effects["ctr"].low < 0.2 < effects["ctr"].high
    assert effects["ctr"].method == "delta method, CUPED"
    assert {told.metric: told.p_adjusted < 0.05 for told in treatment.effects}["ctr"]
    assert reported(simulated(lift=-0.2)).variants[0].verdict == "worse"
    assert reported(simulated()).variants[0].verdict == "no difference found"


def test_without_enough_users_there_is_no_verdict() -> None:
    found = reported(simulated(lift=0.2), min_users=2_500)
    assert found.variants[0].verdict == "too few users"
    assert report_of(found.experiment, simulated(lift=0.2), min_users=1_500).variants[0].verdict == "better"


def test_a_sample_ratio_that_is_no_chance_stops_the_report() -> None:
    found = reported(simulated(40_000, lift=0.2, treated_share=0.53))
    assert found.sample_ratio_p < 0.001
    assert (found.variants, found.values) == ((), {})
    assert "sample ratio mismatch" in found.warnings[0]


def test_a_running_experiment_is_decided_by_the_sequential_interval() -> None:
    slight = simulated(lift=0.03)
    final, early = reported(slight), reported(slight, state="running", stopped_ms=None)
    effect = next(told.effect for told in final.variants[0].effects if told.metric == "ctr")
    assert effect.sequential_low < 0 < effect.low, "as the test wants it"
    assert (final.variants[0].verdict, early.variants[0].verdict) == ("better", "no difference found")
    assert "the experiment runs" in early.warnings[0]


def test_a_guardrail_holds_when_it_is_surely_not_worse_by_the_margin() -> None:
    rails = Guardrail("watch_time", 5.0), Guardrail("fallback_share", 5.0)
    fine, slower = (reported(simulated(lift=0.2, slower=by), guardrails=rails).variants[0] for by in (0.0, 0.1))
    assert [rail.holds for rail in fine.guardrails] == [True, True]
    assert fine.verdict == "better"
    assert [rail.holds for rail in slower.guardrails] == [False, True]
    assert slower.verdict == "better, but watch_time may be worse by more than its margin"
    strict = reported(simulated(lift=0.2), guardrails=(Guardrail("watch_time", 0.5),)).variants[0]
    assert not strict.guardrails[0].holds, "not known well enough is not held"


def test_less_is_better_where_less_is_better() -> None:
    users = simulated()
    columns = users.columns.copy()
    columns[:, COLUMNS.index("lists")] = 10
    columns[:, COLUMNS.index("fallbacks")] = np.random.default_rng(1).poisson(np.where(users.variant, 1.0, 2.0))
    fewer = reported(replace(users, columns=columns), metric="fallback_share")
    assert fewer.variants[0].verdict == "better"


def test_the_dictionary_is_json_and_the_page_needs_nothing_else() -> None:
    users = simulated(lift=0.2)
    found = reported(users, guardrails=(Guardrail("watch_time", 5.0),), about="<b>more</b> & better")
    told = msgspec.json.decode(msgspec.json.encode(found.as_dict()))
    assert told["variants"][0]["verdict"] == "better"
    assert told["values"]["control"]["ctr"] == pytest.approx(0.1, abs=0.01)
    assert "NaN" not in msgspec.json.encode(found.as_dict()).decode()
    html = page(found, users)
    assert html.count("<svg") == 2
    assert "&lt;b&gt;more" in html
    for reference in ("src=", 'href="http', "<script", "@import"):
        assert reference not in html
    stopped = reported(simulated(40_000, treated_share=0.53))
    assert "sample ratio mismatch" in page(stopped, users)


def test_nobody_yet() -> None:
    users, _ = exposed_users(EXPERIMENT, (), (), GENRES, DAY_MS)
    found = report_of(EXPERIMENT, users)
    assert any("nobody" in warning for warning in found.warnings)
    assert found.variants[0].verdict == "too few users"
    assert page(found, users)
