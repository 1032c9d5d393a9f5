"""Experiments as records: what is read, and which sentence refuses what cannot be."""

from dataclasses import fields
from typing import Any, get_args

import msgspec
import pytest
from made_up_experiments import HALVES, QUIET, running

from ranking.candidates import Generator
from ranking.features import NAMES
from ranking.rerank.settings import RerankSettings
from ranking.settings import RankingSettings
from streams.contract.experiments import (
    MAX_ID_LENGTH,
    MAX_LAYERS,
    RULE_FIELDS,
    FeatureName,
    GeneratorName,
    Guardrail,
    RankingOverrides,
    Targeting,
    Variant,
    parse_experiment,
)
from streams.contract.ids import MAX_ID_LENGTH as MAX_EVENT_ID_LENGTH
from streams.contract.reasons import InvalidEvent, Reason

WHOLE = running(
    "whole",
    buckets=(100, 5_000),
    variants=(Variant("control", 33.33), Variant("quiet", 33.33, QUIET), Variant("next", 33.34)),
    targeting=Targeting(("DE", "FR"), ("mobile",), "new"),
    guardrails=(Guardrail("watch_time", 2.5),),
    about="Less to try, more to watch",
)


def test_what_is_written_is_read() -> None:
    assert parse_experiment(*WHOLE.record()) == WHOLE


def changed(**fields: Any) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(WHOLE) | fields)


def variant(**fields: Any) -> dict[str, Any]:
    return {"name": "control", "share_pct": 50} | fields


@pytest.mark.parametrize(
    ("value", "reason", "says"),
    [
        (None, Reason.NOT_JSON, "stopped, not removed"),
        (b"nonsense", Reason.NOT_JSON, ""),
        (b"{}", Reason.MISSING_FIELD, "experiment_id"),
        (changed(layer=5), Reason.WRONG_TYPE, "$.layer"),
        (changed(experiment_id="other"), Reason.KEY_MISMATCH, "'other'"),
        (changed(layer="a,b"), Reason.OUT_OF_RANGE, "layer must be"),
        (changed(seed=""), Reason.OUT_OF_RANGE, "seed"),
        (changed(buckets=[5, 5]), Reason.OUT_OF_RANGE, "5-5"),
        (changed(buckets=[0, 10_001]), Reason.OUT_OF_RANGE, "$.buckets[1]"),
        (changed(variants=[variant(share_pct=100)]), Reason.OUT_OF_RANGE, "$.variants"),
        (changed(variants=[variant(), variant()]), Reason.OUT_OF_RANGE, "two variants are called 'control'"),
        (changed(variants=[variant(), variant(name="b", share_pct=49)]), Reason.OUT_OF_RANGE, "add up to 99"),
        (changed(variants=[variant(), variant(name="b", share_pct=50.001)]), Reason.OUT_OF_RANGE, "hundredths"),
        (changed(variants=[variant(), variant(name="B")]), Reason.OUT_OF_RANGE, "lower-case"),
        (
            changed(variants=[variant(), variant(name="b", ranking={"explore_items": 11})]),
            Reason.OUT_OF_RANGE,
            "$.variants[1].ranking.explore_items",
        ),
        (
            changed(variants=[variant(), variant(name="b", ranking={"explore": 1})]),
            Reason.OUT_OF_RANGE,
            "unknown field `explore`",
        ),
        (
            changed(variants=[variant(), variant(name="b", ranking={"weights": {"fame": 1}})]),
            Reason.OUT_OF_RANGE,
            "'fame'",
        ),
        (
            changed(variants=[variant(), variant(name="b", model_version="../x")], targeting={}),
            Reason.OUT_OF_RANGE,
            "no version's name",
        ),
        (
            changed(variants=[variant(), variant(name="b", model_version="v2")]),
            Reason.OUT_OF_RANGE,
            "for all users",
        ),
        (changed(targeting={"countries": ["de"]}), Reason.OUT_OF_RANGE, "country 'de'"),
        (changed(targeting={"devices": ["Mobile"]}), Reason.OUT_OF_RANGE, "device 'Mobile'"),
        (changed(targeting={"users": "old"}), Reason.OUT_OF_RANGE, "'old'"),
        (changed(metric="fame"), Reason.OUT_OF_RANGE, "'fame'"),
        (changed(guardrails=[{"metric": "ctr", "margin_pct": 0}]), Reason.OUT_OF_RANGE, "margin_pct"),
        (changed(state="draft"), Reason.OUT_OF_RANGE, "started_ms"),
        (changed(state="stopped"), Reason.OUT_OF_RANGE, "stopped_ms"),
        (changed(state="stopped", stopped_ms=5), Reason.OUT_OF_RANGE, "before started_ms"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(value: bytes | None, reason: Reason, says: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        parse_experiment(b"whole", value)
    assert refusal.value.reason is reason, refusal.value
    assert says in refusal.value.detail


def test_names_are_those_of_ranking() -> None:
    assert tuple(field.name for field in fields(RerankSettings)) == RULE_FIELDS
    assert set(get_args(GeneratorName)) == {generator.name.lower() for generator in Generator if generator.name}
    assert get_args(FeatureName) == NAMES


def test_labels_of_all_layers_fit_into_an_event() -> None:
    assert MAX_LAYERS * (MAX_ID_LENGTH + 1) - 1 <= MAX_EVENT_ID_LENGTH


def test_settings_are_changed_as_named_and_no_others() -> None:
    settings = RankingSettings(RerankSettings(min_genres=5))
    quiet = settings.changed(QUIET).changed(RankingOverrides(weights={"popularity": 0.5, "genre": 1.0}))
    assert quiet.rerank == RerankSettings(min_genres=5, explore_items=0)
    assert quiet.generators_off == Generator.EXPLORE
    assert quiet.factors == (("popularity", 0.5),)
    assert settings.changed(RankingOverrides()) == settings


def test_every_changed_setting_has_a_name() -> None:
    experiment = running(variants=(HALVES[0], Variant("b", 25, QUIET), Variant("c", 25, model_version="v2")))
    assert experiment.changed_settings() == {"explore_items", "generator explore", "model_version"}
