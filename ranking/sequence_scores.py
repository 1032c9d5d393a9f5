"""What a version's trained sequence model says of all items, for the users of a batch.

The recurrent state of a user follows from the history in the row: the last 100 used items, the oldest first, a
multiply-add each. Of what happened before them little is left: of the slowest state that was trained on MovieLens 1M
.0025. So no row holds a state, and another model needs no other rows (docs/decisions/0054).

    x = norm(last_items[last] + state C)      output = norm(x + gelu(x W1 + b1) W2 + b2)      score = output . E + bias
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ranking.interests import IS_USE, Histories
from ranking.kernels.interests import take_recent
from ranking.kernels.sequences import add_linear, linear_features, recurrent_features, run_states, write_outputs
from ranking.ragged import Ragged
from tables.item_model import ItemModel
from tables.sequence.sequence_columns import SequenceColumns
from tables.sequence.sequence_model import LINEAR_DECAY, LINEAR_WINDOW

#: At most so many used items make a state.
STATE_ITEMS: Final = 100
#: Features from recurrent scores, then from linear ones.
NAMES: Final = ("recurrent", "recurrent_odds", "linear_sequential", "linear_sequential_root")
#: How many nats below the best candidate a candidate's log odds are told apart.
SCALE: Final = np.float32(16.0)
_BY_PLACE = (LINEAR_DECAY ** np.arange(LINEAR_WINDOW)).astype(np.float32)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """`recurrent` are log odds but for a constant by user, `linear` any numbers, both float32[users, items]; exactly 0
    = nothing is said. Without a sequence model, and for users of whom it knows no item, all are."""

    recurrent: Floats
    linear: Floats

    @classmethod
    def of(cls, histories: Histories, model: ItemModel) -> "SequenceScores | None":
        """The scores for tastes; None when the version has no sequence model."""
        columns = model.sequence
        if columns is None:
            return None
        recent = used(histories)
        return cls(
            recurrent_scores(recent, columns, len(model)),
            linear_scores(recent, columns, len(model)),
        )

    def features(self, items: Ragged) -> Floats:
        """float32[NAMES, items], of items that ascend by user."""
        found = np.empty((len(NAMES), len(items.values)), np.float32)
        recurrent_features(*items, self.recurrent, SCALE, found[:2])
        linear_features(*items, self.linear, found[2:])
        return found


def used(histories: Histories) -> Ragged:
    """The newest 100 used items by user, the newest first, of which some may not be trained."""
    history = histories.items
    most = len(histories.codes)
    ends, recent, codes = np.zeros(len(history.offsets), np.int64), np.empty(most, np.int32), np.empty(most, np.uint8)
    take_recent(history.offsets, history.values, histories.codes, IS_USE, STATE_ITEMS, ends, recent, codes)
    return Ragged(ends, recent[: ends[-1]])


def states(recent: Ragged, columns: SequenceColumns) -> tuple[Floats, NDArray[np.int32]]:
    """float32[users, states], and int32[users] the trained row of the newest item, -1 = there is none."""
    arrays, users = columns.model.arrays, len(recent.offsets) - 1
    found, last = np.zeros((users, columns.model.states), np.float32), np.empty(users, np.int32)
    run_states(*recent, columns.rows, arrays["decay"], arrays["inputs"], found, last)
    return found, last


def outputs(recent: Ragged, columns: SequenceColumns) -> Floats:
    """float32[users, dimensions + 1]: what vectors of items, with their biases behind, are compared with; 0 for users
    of whom no item is trained."""
    of = columns.model.arrays
    state, last = states(recent, columns)
    found = np.zeros((len(last), columns.vectors.shape[1]), np.float32)
    before = of["last_items"], of["state_output"], of["state_norm"]
    layer = of["inner"], of["inner_bias"], of["outer"], of["outer_bias"]
    write_outputs(state, last, *before, *layer, of["output_norm"], found)
    return found


def recurrent_scores(recent: Ragged, columns: SequenceColumns, items: int) -> Floats:
    """float32[users, items]."""
    scores: Floats = outputs(recent, columns) @ columns.vectors[:items].T
    return scores


def linear_scores(recent: Ragged, columns: SequenceColumns, items: int) -> Floats:
    """float32[users, items]."""
    arrays = columns.model.arrays
    scores = np.zeros((len(recent.offsets) - 1, items), np.float32)
    add_linear(
        *recent, columns.rows, columns.numbers, _BY_PLACE, arrays["linear_items"], arrays["linear_weights"], scores
    )
    return scores
