"""Refuses to evaluate a sequence model by what it was trained with: a model that knows the answer foretells nothing."""

from collections.abc import Iterable

from offline.evaluate.splits import Split
from streams.contract.events import Interaction
from tables.sequence.sequence_model import SequenceModel

#: In what a model says of its training: `Split.digest` of the split it was trained by.
HELD_OUT = "held_out"


class KnownBefore(ValueError):
    """A model would be evaluated by events that it may have been trained with; the message says how to train it."""


def refuse_known(model: SequenceModel, evaluated: Iterable[Interaction]) -> None:
    """Raises `KnownBefore` when an event is not later than what the model was trained with."""
    known = sum(event.timestamp_ms <= model.trained_until_ms for event in evaluated)
    if known:
        raise KnownBefore(
            f"the sequence model was trained with events up to {model.trained_until_ms} ms, and {known} of those to "
            "evaluate are not later: train it with `freshet train --protocol time-split` and the same --from-fraction"
        )


def refuse_known_targets(model: SequenceModel, split: Split, events: Iterable[Interaction]) -> None:
    """Raises `KnownBefore` unless the model was trained by a split that holds out the same, or before all of its
    targets."""
    if model.about.get(HELD_OUT) == split.digest():
        return
    try:
        refuse_known(model, split.targets(list(events)))
    except KnownBefore as problem:
        raise KnownBefore(
            f"the sequence model was trained by another split, so it may know the targets ({problem}; or the same "
            "--protocol or --split)"
        ) from None
