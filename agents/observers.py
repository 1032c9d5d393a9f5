"""Who looks at an event right before it is folded, and takes note once it was: counts, live quality, prequential
evaluation, examples for the ranker. Each may be absent, and none looks while there is more to do than can be done."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord

from agents.delivery.outgoing import Outgoing
from agents.evaluation.live_quality import LiveQuality
from agents.evaluation.prequential import ListEvaluation, PrequentialEvaluator
from agents.training.examples import Examples
from ranking.examples import wants
from streams.contract.events import EventType, Interaction
from tables.cleaning import ExclusionReason
from tables.user_plane import Fold, FoldKind, UserPlane


@dataclass(slots=True)
class Tally:
    """Events that a process folded for the first time, whatever it owned meanwhile; how many of them were late, and of
    how many the completion was a little above 100."""

    folded: int = 0
    late: int = 0
    completions_clamped: int = 0
    held_back: Counter[ExclusionReason] = field(default_factory=Counter)
    """Of the folded those that teach the model nothing."""
    passed_over: Counter[FoldKind] = field(default_factory=Counter)
    """Records that were read and not folded, but for dead letters."""
    dead_letters: int = 0


class Before(NamedTuple):
    """What was found out about an event right before it was folded."""

    place: int | None
    list_evaluation: ListEvaluation | None
    example: Outgoing | None


NOTHING_FOUND = Before(None, None, None)


@dataclass
class Observers:
    """Of one partition of interactions. They are given events under stored ids, which are made once for all of them and
    the fold. While it `yields` events are folded unseen, and counted."""

    quality: LiveQuality | None = None
    evaluator: PrequentialEvaluator | None = None
    examples: Examples | None = None
    tally: Tally = field(default_factory=Tally)
    yields: Callable[[], bool] = lambda: False
    unseen: int = 0

    def before(self, event: Interaction, sent: Interaction, record: ConsumerRecord, plane: UserPlane) -> Before:
        """What is asked about an event before anything knows of it. By its id as it was `sent` all versions choose the
        same samples, whatever their secrets."""
        if self.yields():
            self.unseen += 1
            return NOTHING_FOUND
        return Before(
            self.quality.place(event, record.offset, plane) if self.quality else None,
            self.evaluator.before(event, sent.event_id, plane) if self.evaluator else None,
            self._example(event, sent, record.timestamp, plane),
        )

    def note(self, before: Before, event: Interaction, fold: Fold, record: ConsumerRecord) -> Outgoing | None:
        """The event counts: it was folded, for the first time. The example in it, if there is one."""
        self.tally.folded += 1
        self.tally.late += fold.late
        self.tally.completions_clamped += event.completion_clamped
        if fold.held_back is not None:
            self.tally.held_back[fold.held_back] += 1
        if self.quality and before.place is not None:
            self.quality.note(before.place)
        if self.evaluator and before.list_evaluation is not None:
            self.evaluator.note(before.list_evaluation, record)
        return before.example if fold.held_back is None else None

    def _example(self, event: Interaction, sent: Interaction, now_ms: int, plane: UserPlane) -> Outgoing | None:
        if self.examples is None:
            return None
        if event.event_type is EventType.IMPRESSION:
            self.examples.see(event)
            return None
        return self.examples.of(event, plane.view(event.user_id), now_ms) if wants(sent) else None

    def reject(self, record: ConsumerRecord) -> None:
        """The version cannot use `record`, which another one may be able to."""
        self.tally.dead_letters += 1
        if self.evaluator:
            self.evaluator.reject(record)

    def forget(self, user_id: str) -> None:
        """The user is erased."""
        if self.examples:
            self.examples.forget(user_id)

    def outgoing(self) -> list[Outgoing]:
        """What was noted since the last call."""
        return self.evaluator.outgoing() if self.evaluator else []

    def reset(self) -> None:
        """What was noted and not written is folded again."""
        if self.evaluator:
            self.evaluator.reset()
