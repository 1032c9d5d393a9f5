"""The report of an experiment: what each variant did beside the control, and whether that says anything yet."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isnan
from typing import Any, Literal

from offline.experiments.metrics import BY_NAME, METRICS, ExposedUsers
from offline.experiments.statistics import ALPHA, SRM_ALPHA, Effect, adjusted_p_values, compare, sample_ratio_p
from streams.contract.experiments import Experiment, Variant

Decision = Literal["better", "worse", "no difference found", "too few users", "sample ratio mismatch"]


@dataclass(frozen=True, slots=True)
class MetricEffect:
    """One metric of one variant beside the control. `p_adjusted` is the p-value among all metrics of the report, of the
    sequential test while the experiment runs."""

    metric: str
    effect: Effect
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class GuardrailResult:
    """Whether a metric is surely not worse than the control's by the margin: `worst_pct` is the end of the interval
    that says so."""

    metric: str
    margin_pct: float
    worst_pct: float
    holds: bool


@dataclass(frozen=True, slots=True)
class VariantReport:
    """A variant that is not the control."""

    variant: str
    decision: Decision
    effects: tuple[MetricEffect, ...]
    guardrails: tuple[GuardrailResult, ...]

    @property
    def verdict(self) -> str:
        """In words."""
        failed = [guardrail.metric for guardrail in self.guardrails if not guardrail.holds]
        if self.decision in ("better", "no difference found") and failed:
            return f"{self.decision}, but {', '.join(failed)} may be worse by more than its margin"
        return self.decision


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """`users` by variant; without `variants` where the sample ratio stopped the report."""

    experiment: Experiment
    users: dict[str, int]
    values: dict[str, dict[str, float]]
    sample_ratio_p: float
    changed_variant: int
    variants: tuple[VariantReport, ...]
    warnings: tuple[str, ...]

    @property
    def is_final(self) -> bool:
        """Whether the experiment is over: then fixed-horizon tests decide, else sequential ones."""
        return self.experiment.state == "stopped"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; None where there is no number."""
        told = {
            "experiment_id": self.experiment.experiment_id,
            "state": self.experiment.state,
            "decided_by": "fixed horizon" if self.is_final else "sequential",
            "metric": self.experiment.metric,
            "min_users": self.experiment.min_users,
            "users": self.users,
            "values": self.values,
            "sample_ratio_p": self.sample_ratio_p,
            "changed_variant": self.changed_variant,
            "variants": [{**asdict(one), "verdict": one.verdict} for one in self.variants],
            "warnings": list(self.warnings),
        }
        cleaned: dict[str, Any] = _without_nan(told)
        return cleaned


def report_of(
    experiment: Experiment, users: ExposedUsers, *, changed_variant: int = 0, min_users: int | None = None
) -> ExperimentReport:
    """What the exposed users say. `changed_variant` users had lists of several variants, and are not among them;
    `min_users` instead of the experiment's."""
    counts = [int((users.variant == number).sum()) for number in range(len(experiment.variants))]
    names = [variant.name for variant in experiment.variants]
    ratio_p = sample_ratio_p(counts, [variant.share_pct / 100 for variant in experiment.variants])
    warnings = _warnings(experiment, counts, changed_variant)
    told = dict(zip(names, counts, strict=True))
    if ratio_p < SRM_ALPHA:
        wanted = ", ".join(f"{variant.name} {variant.share_pct:g} %" for variant in experiment.variants)
        found = ", ".join(f"{name} {count:,}" for name, count in told.items())
        warning = (
            f"sample ratio mismatch (p = {ratio_p:.1g}): {found} users where {wanted} are expected. Users of a variant "
            "are lost or counted twice, and no figure could be believed: find out why first."
        )
        return ExperimentReport(experiment, told, {}, ratio_p, changed_variant, (), (warning, *warnings))
    values: dict[str, dict[str, float]] = {
        name: {metric.name: metric.sample(users, number).value for metric in METRICS}
        for number, name in enumerate(names)
    }
    variants = _variants(experiment, users, counts, min_users or experiment.min_users)
    return ExperimentReport(experiment, told, values, ratio_p, changed_variant, variants, warnings)


def _warnings(experiment: Experiment, counts: Sequence[int], changed_variant: int) -> tuple[str, ...]:
    found = []
    if changed_variant:
        found.append(f"{changed_variant:,} users were shown lists of several variants, and are left out")
    if experiment.state == "running":
        found.append(
            "the experiment runs: look at the sequential intervals as often as you like, at the others at its end"
        )
    if not any(counts):
        found.append("nobody was shown a list of the experiment yet")
    return tuple(found)


def _variants(
    experiment: Experiment, users: ExposedUsers, counts: Sequence[int], min_users: int
) -> tuple[VariantReport, ...]:
    is_final = experiment.state == "stopped"
    treated = list(enumerate(experiment.variants))[1:]
    effects = {
        (number, metric.name): compare(metric.sample(users, 0), metric.sample(users, number), metric.kind)
        for number, _ in treated
        for metric in METRICS
    }
    p_values = [effect.p_value if is_final else effect.sequential_p for effect in effects.values()]
    adjusted = dict(zip(effects, adjusted_p_values(p_values), strict=True))
    return tuple(
        _variant(
            experiment,
            variant,
            {metric.name: effects[number, metric.name] for metric in METRICS},
            {metric.name: adjusted[number, metric.name] for metric in METRICS},
            enough=min(counts[0], counts[number]) >= min_users,
        )
        for number, variant in treated
    )


def _variant(
    experiment: Experiment, variant: Variant, effects: dict[str, Effect], adjusted: dict[str, float], *, enough: bool
) -> VariantReport:
    is_final = experiment.state == "stopped"
    guardrails = []
    for guardrail in experiment.guardrails:
        worst_pct = _worst(effects[guardrail.metric], BY_NAME[guardrail.metric].sign, is_final) * 100
        holds = not isnan(worst_pct) and worst_pct > -guardrail.margin_pct
        guardrails.append(GuardrailResult(guardrail.metric, guardrail.margin_pct, worst_pct, holds))
    decision = _decision(experiment, effects[experiment.metric], is_final) if enough else "too few users"
    told = tuple(MetricEffect(name, effect, adjusted[name]) for name, effect in effects.items())
    return VariantReport(variant.name, decision, told, tuple(guardrails))


def _worst(effect: Effect, sign: int, is_final: bool) -> float:
    """The end of the interval on the worse side, as a lift whose positive values are better."""
    low, high = (effect.low, effect.high) if is_final else (effect.sequential_low, effect.sequential_high)
    return -high if sign < 0 else low


def _decision(experiment: Experiment, effect: Effect, is_final: bool) -> Decision:
    p_value = effect.p_value if is_final else effect.sequential_p
    if p_value >= ALPHA or isnan(effect.lift):
        return "no difference found"
    sign = BY_NAME[experiment.metric].sign or 1
    return "better" if effect.lift * sign > 0 else "worse"


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and isnan(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return value
