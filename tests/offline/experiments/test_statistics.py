"""Figures that others have computed, and properties that hold whatever the data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from offline.experiments.statistics import (
    ALPHA,
    Kind,
    Sample,
    adjusted_p_values,
    compare,
    sample_ratio_p,
    sequential_factor,
    sequential_p_value,
    users_needed,
)


def counts(generator: np.random.Generator, mean: float, users: int = 4_000) -> np.ndarray:
    return generator.poisson(mean, users).astype(float)


def test_a_rate_is_tested_by_chi_square() -> None:
    control, treated = Sample(np.array([1.0] * 120 + [0] * 880)), Sample(np.array([1.0] * 150 + [0] * 850))
    effect = compare(control, treated, Kind.RATE)
    assert (effect.control, effect.treated, effect.method) == (0.12, 0.15, "chi-square")
    assert effect.p_value == pytest.approx(
        0.0496, abs=1e-4
    )  # R: prop.test(c(120, 150), c(1000, 1000), correct = FALSE)
    assert effect.lift == pytest.approx(0.25)


def test_a_mean_is_tested_by_welch() -> None:
    generator = np.random.default_rng(1)
    control, treated = counts(generator, 2.0, 3_000), counts(generator, 2.1, 5_000)
    effect = compare(Sample(control), Sample(treated), Kind.MEAN)
    assert effect.p_value == pytest.approx(stats.ttest_ind(treated, control, equal_var=False).pvalue)
    assert effect.lift == pytest.approx(treated.mean() / control.mean() - 1)


def test_a_ratio_of_sums_has_the_variance_that_resampling_users_finds() -> None:
    generator = np.random.default_rng(2)
    shown = 10.0 * (1 + generator.poisson(3, 3_000))
    rate = generator.beta(1, 9, 3_000)
    clicks = generator.binomial(shown.astype(int), rate).astype(float)
    group = Sample(clicks, shown)
    picked = generator.integers(0, 3_000, (2_000, 3_000))
    resampled = clicks[picked].sum(axis=1) / shown[picked].sum(axis=1)
    delta = group.linearised().std(ddof=1) / np.sqrt(3_000)
    assert delta == pytest.approx(resampled.std(), rel=0.06)
    naive = np.sqrt(group.value * (1 - group.value) / shown.sum())
    assert delta > 1.5 * naive, "impressions of one user are no independent draws"


def test_the_interval_of_the_lift_holds_it_as_often_as_it_says() -> None:
    held = 0
    for seed in range(400):
        generator = np.random.default_rng(seed)
        shown = [10.0 * (1 + generator.poisson(3, 1_500)) for _ in range(2)]
        rate = [generator.beta(2, 18, 1_500) * factor for factor in (1.0, 1.2)]
        clicks = [generator.binomial(s.astype(int), r).astype(float) for s, r in zip(shown, rate, strict=True)]
        effect = compare(Sample(clicks[0], shown[0]), Sample(clicks[1], shown[1]), Kind.RATIO)
        held += effect.low <= 0.2 <= effect.high
    assert 0.92 <= held / 400 <= 0.98


def test_what_was_before_is_taken_out_as_far_as_it_explains() -> None:
    generator = np.random.default_rng(3)
    kind = generator.gamma(2, 1, (2, 4_000))
    before = generator.poisson(5 * kind).astype(float)
    after = generator.poisson(5 * kind * [[1.0], [1.03]]).astype(float)
    plain = compare(Sample(after[0]), Sample(after[1]), Kind.MEAN)
    adjusted = compare(Sample(after[0], None, before[0]), Sample(after[1], None, before[1]), Kind.MEAN)
    explained = np.corrcoef(np.concatenate(before), np.concatenate(after))[0, 1] ** 2
    assert adjusted.variance_kept == pytest.approx(1 - explained, abs=0.02)
    assert adjusted.high - adjusted.low < 0.65 * (plain.high - plain.low)
    assert (adjusted.control, adjusted.treated) == (plain.control, plain.treated), "the values are what was counted"
    assert adjusted.method == "Welch t, CUPED"


def test_a_covariate_that_explains_nothing_changes_nothing() -> None:
    generator = np.random.default_rng(4)
    groups = [counts(generator, 2.0) for _ in range(2)]
    plain = compare(*(Sample(group) for group in groups), Kind.MEAN)
    constant = compare(*(Sample(group, None, np.ones(4_000)) for group in groups), Kind.MEAN)
    assert constant == plain


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_to_compare_is_no_effect(kind: Kind) -> None:
    nobody, some = Sample(np.zeros(0), np.zeros(0)), Sample(np.zeros(5), np.zeros(5))
    for control, treated in ((nobody, some), (some, nobody), (some, some)):
        effect = compare(control, treated, kind)
        assert np.isnan(effect.lift)
        assert (effect.p_value, effect.sequential_p) == (1.0, 1.0)
    zeros = compare(Sample(np.zeros(5)), Sample(np.zeros(5)), Kind.RATE)
    assert (zeros.p_value, np.isnan(zeros.lift)) == (1.0, True)


@given(st.floats(0.0, 8.0), st.integers(100, 10_000_000))
def test_the_sequential_p_value_is_below_a_level_where_the_interval_leaves_0_out(z: float, users: int) -> None:
    assert (sequential_p_value(z, users) < ALPHA) == (z > sequential_factor(users)) or z == pytest.approx(
        sequential_factor(users)
    )


def test_the_sequential_interval_is_tightest_where_it_is_told() -> None:
    """In standard errors the factor grows slowly; the width in users has its least excess there."""
    factors = {users: sequential_factor(users, tightest_at=20_000) for users in (500, 20_000, 10**7)}
    for other in (2_000, 200_000):
        assert factors[20_000] < sequential_factor(20_000, tightest_at=other)
    assert all(factor > 2.9 for factor in factors.values())


def test_looking_often_finds_nothing_where_there_is_nothing() -> None:
    found = {"sequential": 0, "fixed": 0}
    for seed in range(300):
        generator = np.random.default_rng(seed)
        control, treated = counts(generator, 1.0, 3_000), counts(generator, 1.0, 3_000)
        looks = range(150, 3_001, 150)
        effects = [compare(Sample(control[:n]), Sample(treated[:n]), Kind.MEAN) for n in looks]
        found["sequential"] += any(not one.sequential_low <= 0 <= one.sequential_high for one in effects)
        found["fixed"] += any(one.p_value < ALPHA for one in effects)
    assert found["sequential"] <= 0.05 * 300
    assert found["fixed"] > 0.15 * 300, "which is why"


def test_users_needed_are_those_of_others() -> None:
    assert users_needed(0.05, 0.1) == 31_234  # R: power.prop.test(p1 = .05, p2 = .055, power = .8) says 31233.9
    assert users_needed(10, 0.02, deviation=3) == pytest.approx(3_532, abs=1)  # R: power.t.test(delta = .2, sd = 3)
    for wrong in ((0.0, 0.1), (0.1, 0.0), (0.9, 0.5)):
        with pytest.raises(ValueError, match=r"."):
            users_needed(*wrong)


def test_sample_ratio() -> None:
    assert sample_ratio_p([50_000, 50_000], [0.5, 0.5]) == 1.0
    assert sample_ratio_p([100, 300], [0.25, 0.75]) == 1.0
    assert sample_ratio_p([51_000, 49_000], [0.5, 0.5]) < 1e-9
    assert sample_ratio_p([0, 0], [0.5, 0.5]) == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_keep_their_order_and_never_fall(p_values: list[float]) -> None:
    adjusted = adjusted_p_values(p_values)
    assert all(after >= before for before, after in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values)
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)
