"""An experiment on the command line: what is understood, and what is said of the rest."""

from collections.abc import Callable

import pytest

from ops.operator.experiments.spelling import (
    NotAnExperiment,
    parse_buckets,
    parse_guardrail,
    parse_variant,
    targeting_of,
)
from streams.contract.experiments import Guardrail, RankingOverrides, Targeting, Variant


def test_a_variant() -> None:
    text = "b=12.5,mmr_lambda=0.7,min_genres=2,generator.explore=off,generator.popular=off,weight.genre=2"
    ranking = RankingOverrides(
        mmr_lambda=0.7, min_genres=2, generators_off=("explore", "popular"), weights={"genre": 2.0}
    )
    assert parse_variant(text) == Variant("b", 12.5, ranking)
    assert parse_variant("b=50,model_version=v2") == Variant("b", 50, model_version="v2")


@pytest.mark.parametrize(
    ("parse", "text", "says"),
    [
        (parse_variant, "b", "NAME=SHARE"),
        (parse_variant, "b=half", "'half' is no number"),
        (parse_variant, "b=50,explore=0", "'explore=0' is none of mmr_lambda"),
        (parse_variant, "b=50,explore_items=11", "ranking.explore_items"),
        (parse_variant, "b=50,min_genres=1.5", "ranking.min_genres"),
        (parse_variant, "b=50,generator.fame=off", "'fame'"),
        (parse_variant, "b=50,generator.explore=on", "is none of"),
        (parse_guardrail, "ctr", "'' is no number"),
        (parse_guardrail, "fame=2", "'fame'"),
        (parse_buckets, "5", "FIRST-END"),
        (parse_buckets, "-5-7", "FIRST-END"),
    ],
)
def test_what_is_not_understood(parse: Callable[[str], object], text: str, says: str) -> None:
    with pytest.raises(NotAnExperiment) as refusal:
        parse(text)
    assert text in str(refusal.value)
    assert says in str(refusal.value)


def test_the_rest() -> None:
    assert parse_guardrail("watch_time=2") == Guardrail("watch_time", 2)
    assert parse_buckets("100-200") == (100, 200)
    assert targeting_of(["de"], ["TV"], "known") == Targeting(("DE",), ("tv",), "known")
    with pytest.raises(NotAnExperiment, match="users"):
        targeting_of([], [], "old")
