"""Whether reports of experiments can be believed: many made-up experiments whose truth is known.

    freshet bench experiments [--seeds N] [--json]

Users click by a rate of their own (beta), see a number of items of their own (gamma, Poisson), and did both before they
were exposed, so that CUPED has something to go by. Each seed is another experiment. What is computed is what
`freshet experiment report` computes. Deterministic, so only the CPU time differs from machine to machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, chi2_contingency

from offline.experiments.metrics import BY_NAME, COLUMNS, ExposedUsers
from offline.experiments.statistics import (
    ALPHA,
    SRM_ALPHA,
    Effect,
    Kind,
    Sample,
    compare,
    sample_ratio_p,
    users_needed,
)
from serving.experiments import ExperimentBook, layer_bucket, variant_of
from streams.contract.experiments import BUCKETS, Experiment, Variant

USERS, LOOKS = 8_000, 20
SEQUENTIAL, PEEKED = "sequential, looked at 20 times", "fixed, looked at 20 times"
FIXED = ("ctr", "clickers", "watch_time")
BASELINE, LIFT, POWER = 0.1, 0.15, 0.8
SRM_USERS, SRM_SHARE = 100_000, 0.51
ASSIGNED = 100_000
HALVES = (Variant("control", 50), Variant("treatment", 50))
Doubles = NDArray[np.float64]


def exposed(generator: np.random.Generator, users: int, lift: float = 0.0) -> ExposedUsers:
    """Users who come in order; those of the second variant click more often by `lift`."""
    variant = generator.integers(0, 2, users)
    shown, shown_before = (20.0 * (1 + generator.poisson(pace)) for pace in (generator.gamma(2.0, 1.0, users),) * 2)
    rate = generator.beta(2.0, 38.0, users)
    columns = dict.fromkeys(COLUMNS, np.zeros(users))
    columns["impressions"] = shown
    columns["clicks"] = generator.binomial(shown.astype(int), rate * (1 + lift * variant)).astype(float)
    columns["clicks_before"] = generator.binomial(shown_before.astype(int), rate).astype(float)
    length = generator.lognormal(6.0, 1.0, users)
    columns["watch_s"], columns["watch_s_before"] = (length * generator.poisson(20 * rate) for _ in range(2))
    stacked = np.stack([columns[name] for name in COLUMNS], axis=1)
    return ExposedUsers(variant, np.arange(users, dtype=np.int64), stacked)


def same_for_all(seeds: int) -> dict[str, Any]:
    """A/A: how often a difference is found that is none, looked at once and looked at 20 times."""
    found: Counter[str] = Counter()
    for seed in range(seeds):
        users = exposed(np.random.default_rng(seed), USERS)
        for name in FIXED:
            metric = BY_NAME[name]  # type: ignore[index]  # they are names of metrics
            found[name] += compare(metric.sample(users, 0), metric.sample(users, 1), metric.kind).p_value < ALPHA
        effects = looked_at(users)
        found[SEQUENTIAL] += any(not effect.sequential_low <= 0 <= effect.sequential_high for effect in effects)
        found[PEEKED] += any(effect.p_value < ALPHA for effect in effects)
    return {name: share_of(found[name], seeds) for name in (*FIXED, SEQUENTIAL, PEEKED)}


def looked_at(users: ExposedUsers) -> list[Effect]:
    """The effect on the CTR as it was known 20 times while users came."""
    ctr = BY_NAME["ctr"]
    groups = [ctr.sample(users, number) for number in range(2)]
    effects = []
    for look in range(1, LOOKS + 1):
        treated = int(users.variant[: len(users) * look // LOOKS].sum())
        counts = len(users) * look // LOOKS - treated, treated
        effects.append(compare(*(first(group, count) for group, count in zip(groups, counts, strict=True)), ctr.kind))
    return effects


def first(sample: Sample, users: int) -> Sample:
    """So many users of a group whose users came in order."""
    assert sample.denominator is not None, "the CTR has both"
    assert sample.before is not None, "the CTR has both"
    return Sample(sample.numerator[:users], sample.denominator[:users], sample.before[:users])


def share_of(found: int, seeds: int) -> dict[str, Any]:
    """In percent, with its own interval."""
    interval = binomtest(found, seeds).proportion_ci(0.95, "wilson")
    return {"pct": round(100 * found / seeds, 2), "interval_pct": [round(100 * float(end), 2) for end in interval]}


def known_lift(seeds: int) -> dict[str, Any]:
    """A/B with as many users as `freshet experiment size` names for 80 %: how often the lift is found."""
    users, rates = users_needed(BASELINE, LIFT, POWER), (BASELINE, BASELINE * (1 + LIFT))
    found = inside = 0
    for seed in range(seeds):
        generator = np.random.default_rng(10**6 + seed)
        groups = [Sample((generator.random(users) < rate).astype(float)) for rate in rates]
        effect = compare(groups[0], groups[1], Kind.RATE)
        found += effect.p_value < ALPHA and effect.lift > 0
        inside += effect.low <= LIFT <= effect.high
    return {"users_per_variant": users, "found": share_of(found, seeds), "lift_in_interval": share_of(inside, seeds)}


def variance_reduction(seeds: int) -> dict[str, Any]:
    """How much of the variance CUPED leaves, and how often a CTR lift of 5 % is found with and without."""
    kept, with_it, without = [], 0, 0
    for seed in range(seeds):
        users = exposed(np.random.default_rng(2 * 10**6 + seed), USERS, lift=0.05)
        ctr = BY_NAME["ctr"]
        groups = [ctr.sample(users, number) for number in range(2)]
        effect = compare(groups[0], groups[1], ctr.kind)
        plain = compare(*(Sample(group.numerator, group.denominator) for group in groups), ctr.kind)
        kept.append(effect.variance_kept)
        with_it += effect.p_value < ALPHA
        without += plain.p_value < ALPHA
    return {
        "variance_kept": round(float(np.mean(kept)), 3),
        "found_with": share_of(with_it, seeds),
        "found_without": share_of(without, seeds),
    }


def lost_users(seeds: int) -> dict[str, Any]:
    """How often a sample ratio of 51:49 among 100,000 users stops a report, and how often one of 50:50 does."""
    generator = np.random.default_rng(3)
    counts = {share: generator.binomial(SRM_USERS, share, seeds) for share in (SRM_SHARE, 0.5)}
    stopped = {
        share: sum(sample_ratio_p([int(one), SRM_USERS - int(one)], [0.5, 0.5]) < SRM_ALPHA for one in of)
        for share, of in counts.items()
    }
    return {"caught": share_of(stopped[SRM_SHARE], seeds), "false_alarms": share_of(stopped[0.5], seeds)}


def running(experiment_id: str, layer: str) -> Experiment:
    """Half and half on everybody."""
    return Experiment(experiment_id, layer, experiment_id, (0, BUCKETS), HALVES, "running", 1, started_ms=1)


def assignment() -> dict[str, Any]:
    """100,000 users: nobody changes the variant while others start, and two layers know nothing of each other."""
    users = [f"user-{number}" for number in range(ASSIGNED)]
    first, second = running("a", "first"), running("b", "second")
    alone, beside = ExperimentBook([first]), ExperimentBook([running("c", "third"), first, second])
    changed, table, buckets = 0, Counter[tuple[str, str]](), Counter[tuple[int, int]]()
    for user in users:
        treatment = beside.untargeted(user)
        changed += alone.untargeted(user).variant != variant_of(first, user).name
        changed += treatment.variant.split(",")[0] != variant_of(first, user).name
        table[variant_of(first, user).name, variant_of(second, user).name] += 1
        buckets[layer_bucket("first", user) // 1_000, layer_bucket("second", user) // 1_000] += 1
    names = [variant.name for variant in HALVES]
    return {
        "users": ASSIGNED,
        "changed_variant": changed,
        "layers_p": round(float(chi2_contingency([[table[a, b] for b in names] for a in names]).pvalue), 3),
        "layer_buckets_p": round(
            float(chi2_contingency([[buckets[a, b] for b in range(10)] for a in range(10)]).pvalue), 3
        ),
    }


def main() -> int:
    """Prints every figure, or JSON as the last line with --json."""
    parser = argparse.ArgumentParser(prog="freshet bench experiments", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1_000, help="experiments of each kind")
    parser.add_argument("--json", action="store_true", help="the result as the last line")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds must be above 0")
    began_s = time.process_time()
    result = {
        "seeds": arguments.seeds,
        "false_positives": same_for_all(arguments.seeds),
        "power": known_lift(arguments.seeds),
        "cuped": variance_reduction(arguments.seeds),
        "sample_ratio": lost_users(arguments.seeds),
        "assignment": assignment(),
    }
    result["cpu_s"] = round(time.process_time() - began_s, 1)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
