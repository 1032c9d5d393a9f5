"""Two groups of users compared. The user is the unit: users are independent of each other, what one of them does is
not.

Every metric is a sum over users divided by another (`Sample`): a mean per user is divided by 1 each, a rate counts who
did something. The ratio of sums is treated by the delta method (Deng, Knoblich, Lu: "Applying the delta method in
metric analytics", KDD 2018): each user has a linearised value (numerator - ratio * denominator) / mean denominator,
whose variance over users is that of the ratio. What users did before is subtracted from it as far as it predicts what
they did after (CUPED; Deng, Xu, Kohavi, Walker, WSDM 2013).

Intervals are of the relative lift, treated / control - 1. The sequential ones hold at all times at once, however often
somebody looks (asymptotic confidence sequences; Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, arXiv 2103.06476).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import lambertw

Doubles = NDArray[np.float64]

ALPHA = 0.05
#: A sample ratio that chance gives less often than this is no chance: users are lost or counted twice somewhere.
SRM_ALPHA = 0.001
#: Users of both groups at which sequential intervals are tightest.
TIGHTEST_AT = 20_000


class Kind(StrEnum):
    """How a metric is tested."""

    RATE = "chi-square"
    """The share of users who did something."""
    MEAN = "Welch t"
    """A sum for each user."""
    RATIO = "delta method"
    """A sum over users divided by another."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One group: `numerator` float64[users], `denominator` float64[users] (None = 1 each), `before` float64[users],
    what they did before they were exposed (None = not asked)."""

    numerator: Doubles
    denominator: Doubles | None = None
    before: Doubles | None = None

    @property
    def users(self) -> int:
        """How many."""
        return len(self.numerator)

    @property
    def value(self) -> float:
        """The metric; NaN where the denominator is 0."""
        below = float(self.users if self.denominator is None else self.denominator.sum())
        return float(self.numerator.sum()) / below if below else float("nan")

    def linearised(self) -> Doubles:
        """float64[users] whose mean is 0 and whose variance over users is that of the metric."""
        if self.denominator is None:
            centred: Doubles = self.numerator - self.numerator.mean()
            return centred
        spread: Doubles = (self.numerator - self.value * self.denominator) / self.denominator.mean()
        return spread


@dataclass(frozen=True, slots=True)
class Effect:
    """A treated group beside the control. `lift` is relative, with its interval at 95 % and the sequential one; NaN
    where the control's value is 0. `variance_kept` is what CUPED left of the variance, 1 = all."""

    control: float
    treated: float
    lift: float
    low: float
    high: float
    p_value: float
    sequential_low: float
    sequential_high: float
    sequential_p: float
    variance_kept: float
    method: str


NAN = float("nan")


def compare(control: Sample, treated: Sample, kind: Kind, alpha: float = ALPHA) -> Effect:
    """The effect of a treatment. Groups of less than two users, or without any denominator, have none."""
    if min(control.users, treated.users) < 2 or np.isnan(control.value) or np.isnan(treated.value):
        return Effect(control.value, treated.value, *(NAN,) * 3, 1.0, *(NAN,) * 2, 1.0, 1.0, kind.value)
    groups, (before, now) = _adjusted(control, treated)
    (mean_c, var_c), (mean_t, var_t) = groups
    adjusted = now < before
    p_value = _p_value(control, treated, groups, kind, adjusted=adjusted)
    method = f"{kind.value}, CUPED" if adjusted else kind.value
    kept = now / before if before else 1.0
    if mean_c <= 0:
        return Effect(control.value, treated.value, *(NAN,) * 3, p_value, *(NAN,) * 2, 1.0, kept, method)
    lift = mean_t / mean_c - 1
    error = sqrt(var_t / mean_c**2 + var_c * mean_t**2 / mean_c**4)
    width = float(stats.norm.isf(alpha / 2)) * error
    users = control.users + treated.users
    sequential = sequential_factor(users, alpha) * error
    difference = sqrt(var_c + var_t)
    return Effect(
        control.value,
        treated.value,
        lift,
        lift - width,
        lift + width,
        p_value,
        lift - sequential,
        lift + sequential,
        sequential_p_value((mean_t - mean_c) / difference, users, alpha) if difference else 1.0,
        kept,
        method,
    )


_Group = tuple[float, float]


def _adjusted(control: Sample, treated: Sample) -> tuple[tuple[_Group, _Group], tuple[float, float]]:
    """Value and variance of both, less what the time before explains; and the sums of variances before and after
    that."""
    values = control.linearised(), treated.linearised()
    before = float(sum(value.var(ddof=1) / len(value) for value in values))
    plain = tuple((one.value, float(v.var(ddof=1)) / len(v)) for one, v in zip((control, treated), values, strict=True))
    if control.before is None or treated.before is None:
        return (plain[0], plain[1]), (before, before)
    centred = control.before - control.before.mean(), treated.before - treated.before.mean()
    spread = sum(float(one @ one) for one in centred)
    if spread == 0:
        return (plain[0], plain[1]), (before, before)
    theta = sum(float(one @ value) for one, value in zip(centred, values, strict=True)) / spread
    everybody = float(np.concatenate([control.before, treated.before]).mean())
    groups, after = [], 0.0
    for one, value, shift in zip((control, treated), values, centred, strict=True):
        assert one.before is not None, "both have it"
        left = value - theta * shift
        variance = float(left.var(ddof=1)) / len(left)
        groups.append((one.value - theta * (float(one.before.mean()) - everybody), variance))
        after += variance
    return (groups[0], groups[1]), (before, after)


def _p_value(control: Sample, treated: Sample, groups: tuple[_Group, _Group], kind: Kind, *, adjusted: bool) -> float:
    """That of no difference, two-sided."""
    (mean_c, var_c), (mean_t, var_t) = groups
    if kind is Kind.RATE and not adjusted:
        table = [[float(one.numerator.sum()), one.users - float(one.numerator.sum())] for one in (control, treated)]
        if min(map(sum, zip(*table, strict=True))) == 0:
            return 1.0
        return float(stats.chi2_contingency(table, correction=False).pvalue)
    if var_c + var_t == 0:
        return 1.0 if mean_c == mean_t else 0.0
    if kind is Kind.RATIO:
        return float(2 * stats.norm.sf(abs(mean_t - mean_c) / sqrt(var_c + var_t)))
    deviations = [sqrt(variance * one.users) for variance, one in ((var_c, control), (var_t, treated))]
    return float(
        stats.ttest_ind_from_stats(
            mean_t, deviations[1], treated.users, mean_c, deviations[0], control.users, equal_var=False
        ).pvalue
    )


def sequential_factor(users: int, alpha: float = ALPHA, tightest_at: int = TIGHTEST_AT) -> float:
    """How many standard errors a sequential interval reaches at so many users; a fixed one reaches 1.96.

    >>> round(sequential_factor(20_000), 2), round(sequential_factor(1_000_000), 2)
    (3.04, 3.47)
    """
    scaled = users * _rho_squared(alpha, tightest_at)
    return sqrt(2 * (scaled + 1) / scaled * log(sqrt(scaled + 1) / alpha))


def sequential_p_value(z: float, users: int, alpha: float = ALPHA, tightest_at: int = TIGHTEST_AT) -> float:
    """The largest level at which the sequential interval does not hold 0, of a difference of `z` standard errors."""
    scaled = users * _rho_squared(alpha, tightest_at)
    return min(1.0, sqrt(scaled + 1) * exp(-(z**2) * scaled / (2 * (scaled + 1))))


def _rho_squared(alpha: float, tightest_at: int) -> float:
    """Of the mixture whose interval is tightest at so many users (the paper's appendix B.2)."""
    return float(-lambertw(-(alpha**2) * exp(-1), -1).real - 1) / tightest_at


def sample_ratio_p(users: Sequence[int], shares: Sequence[float]) -> float:
    """Whether so many users of each variant are chance, where the variants have these shares.

    >>> sample_ratio_p([5_000, 5_100], [0.5, 0.5]) > SRM_ALPHA > sample_ratio_p([51_000, 49_000], [0.5, 0.5])
    True
    """
    total = sum(users)
    return float(stats.chisquare(users, [total * share for share in shares]).pvalue) if total else 1.0


def adjusted_p_values(p_values: Sequence[float]) -> list[float]:
    """Those of several metrics, by Benjamini and Hochberg: what is below 5 % is false 5 % of the time.

    >>> [round(p, 3) for p in adjusted_p_values([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    return [float(p) for p in stats.false_discovery_control(p_values)] if p_values else []


def users_needed(baseline: float, lift: float, power: float = 0.8, alpha: float = ALPHA, deviation: float = 0.0) -> int:
    """Users of each of two equal groups so that a relative lift of a rate `baseline` (0..1) is found with this power;
    of a mean per user when its standard `deviation` is given. Raises ValueError where there is nothing to find.

    >>> users_needed(0.05, 0.1)
    31234
    """
    changed = baseline * (1 + lift)
    if baseline <= 0 or lift == 0:
        raise ValueError("baseline must be above 0, and lift another value than 0")
    if not deviation and not (baseline < 1 and 0 <= changed <= 1):
        raise ValueError("a rate lies between 0 and 1, and so does what a lift makes of it")
    quantiles = float(stats.norm.isf(alpha / 2)), float(stats.norm.ppf(power))
    if deviation:
        spread = sum(quantiles) * sqrt(2) * deviation
    else:
        pooled = (baseline + changed) / 2
        apart = sqrt(baseline * (1 - baseline) + changed * (1 - changed))
        spread = quantiles[0] * sqrt(2 * pooled * (1 - pooled)) + quantiles[1] * apart
    return int(np.ceil((spread / (changed - baseline)) ** 2))
