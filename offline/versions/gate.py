"""What must be true of a version before anybody is served by it. Pure: evidence in, reasons against it out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from offline.versions.list_diff import ListDiff
from offline.versions.quality import Quality
from offline.versions.verdict import QualityLimits, quality_reasons
from streams.contract.units import SECOND_MS
from streams.kafka.caught_up import CAUGHT_UP_MS


@dataclass(frozen=True, slots=True)
class GateLimits:
    """Beyond these a promotion is refused. Shares are 0–1.

    `behind_ms` bounds the age of the oldest interaction that is not folded, or whose user's list is not written;
    `items_behind_ms` the same for what items learn, which is published on an interval. For `quality` see
    `offline.versions.verdict`.
    """

    behind_ms: int = CAUGHT_UP_MS
    items_behind_ms: int = 120 * SECOND_MS
    quality: QualityLimits = field(default_factory=QualityLimits)
    failed_folds: int = 0
    more_rejected: float = 0.01
    missing_share: float = 0.01
    empty_share: float = 0.01
    more_fallbacks: float = 0.05
    overlap: float = 0.1


@dataclass(frozen=True, slots=True)
class Behind:
    """The oldest record of a partition that is not done yet: `what` is what is missing ("folded", "listed"), `age_ms`
    its age at the look. `age_ms` None: nothing is known of the partition at all."""

    what: str
    topic: str
    partition: int
    age_ms: int | None
    limit_ms: int

    def reason(self, version: str) -> str | None:
        """Why this is too much; None when it is not."""
        place = f"{self.topic}:{self.partition}"
        if self.age_ms is None:
            return f"{version} has {self.what} nothing of {place} yet"
        if self.age_ms <= self.limit_ms:
            return None
        seconds, limit_s = self.age_ms / SECOND_MS, self.limit_ms // SECOND_MS
        return f"{version} has not {self.what} a record of {place} that is {seconds:.0f} s old (limit {limit_s} s)"


@dataclass(frozen=True, slots=True)
class PromotionEvidence:
    """What is known of a candidate at one moment. `live` names the version that it is compared with, None when it is
    the only one that serves. `lists` and `quality` compare the two, None when there is nothing to compare;
    `failed_folds` counts records that ended its workers, `more_rejected` is the share of the records which it cannot
    use and the live version can."""

    version: str
    workers: int
    behind: Sequence[Behind]
    failed_folds: int = 0
    live: str | None = None
    lists: ListDiff | None = None
    quality: Quality | None = None
    more_rejected: float | None = None


def reasons_against(evidence: PromotionEvidence, limits: GateLimits) -> list[str]:
    """Why the version must not serve, one sentence each; empty when it may."""
    reasons = []
    if not evidence.workers:
        reasons.append(f"no worker of {evidence.version} is alive: its lists would stop changing")
    reasons += [reason for behind in evidence.behind if (reason := behind.reason(evidence.version))]
    if evidence.failed_folds > limits.failed_folds:
        reasons.append(f"{evidence.failed_folds} records ended workers of {evidence.version}")
    reasons += _rejection_reasons(evidence, limits)
    if evidence.lists is not None:
        reasons += list_reasons(evidence.lists, limits)
    if evidence.live is not None:
        reasons += quality_reasons(evidence.quality, evidence.live, limits.quality)
    return reasons


def _rejection_reasons(evidence: PromotionEvidence, limits: GateLimits) -> list[str]:
    more = evidence.more_rejected
    if more is None or more <= limits.more_rejected:
        return []
    return [f"{more:.1%} more records cannot be used by {evidence.version} (limit {limits.more_rejected:.0%})"]


def list_reasons(diff: ListDiff, limits: GateLimits) -> list[str]:
    """Why the candidate's lists must not be served."""
    reasons = []
    if diff.missing_share > limits.missing_share:
        reasons.append(
            f"{diff.missing_share:.1%} of {diff.users} sampled users have no list (limit {limits.missing_share:.0%})"
        )
    if diff.b.empty_share > max(limits.empty_share, diff.a.empty_share):
        reasons.append(f"{diff.b.empty_share:.1%} of the lists are empty (limit {limits.empty_share:.0%})")
    more = diff.b.fallback_share - diff.a.fallback_share
    if more > limits.more_fallbacks:
        reasons.append(f"{more:.1%} more lists are not personal (limit {limits.more_fallbacks:.0%})")
    if diff.compared and diff.overlap < limits.overlap:
        reasons.append(
            f"only {diff.overlap:.1%} of the first {diff.depth} items are the live version's "
            f"(limit {limits.overlap:.0%})"
        )
    return reasons
