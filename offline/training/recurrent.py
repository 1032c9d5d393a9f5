"""Trains the recurrent part of a sequence model, by jax and optax.

After Yue et al., "Linear recurrent units for sequential recommendation" (WSDM 2024, arXiv 2310.02367), with one block:
item embedding ▸ diagonal complex linear recurrence ▸ projection, norm, feed-forward, residuals; items are scored by the
embeddings that go in. Loss: softmax over the next item and shared negatives, drawn uniformly, with the correction for
how likely each was drawn (logQ; Bengio and Senécal, "Adaptive importance sampling", IEEE TNN 19, 2008).

Users' sequences are laid one behind the other and cut into rows, so that nothing is padding; where a user begins, the
state is 0. After every epoch the validation targets are ranked among all items, and a checkpoint is written: a training
that is ended goes on from there with the very numbers it would have had.
"""

import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from offline.training.sequences import Sequences

DIMENSIONS: Final = 64
WIDTH: Final = 64
INNER: Final = 256
ROW: Final = 256
ROWS: Final = 8
#: Newest events of a user that are trained on, and that validation looks back on.
HISTORY: Final = 200
NEGATIVES: Final = 512
DROPOUT: Final = 0.2
WEIGHT_DECAY: Final = 0.01
WARM_UP: Final = 100
#: The rate falls to this share of its highest.
LEAST_RATE: Final = 0.02
MOST_VALIDATED: Final = 2_000
_EPSILON: Final = 1e-5
_VALIDATED_AT_ONCE: Final = 64

Parameters = dict[str, Any]
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class RecurrentSettings:
    """How long and how fast is trained; early stopping after `patience` epochs that were not the best."""

    epochs: int = 28
    rate: float = 4e-3
    patience: int = 6
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Epoch:
    """What came of one: the mean loss of training, and HR@10 and NDCG@10 of the validation targets."""

    number: int
    loss: float
    hr_at_10: float
    ndcg_at_10: float


@dataclass(slots=True)
class TrainedRecurrent:
    """The parameters of the best epoch, and all epochs."""

    best: Parameters
    curve: list[Epoch]

    @property
    def ndcg_at_10(self) -> float:
        """Of the best epoch."""
        return max(epoch.ndcg_at_10 for epoch in self.curve)


class TrainingDiverged(ArithmeticError):
    """The loss is no number any more."""


def first_parameters(key: jax.Array, items: int) -> Parameters:
    """Before training: decays between .5 and .99, phases anywhere."""
    keys = iter(jax.random.split(key, 8))

    def normal(*shape: int, scale: float) -> jax.Array:
        return scale * jax.random.normal(next(keys), shape)

    def norm() -> jax.Array:
        return jnp.stack([jnp.ones(DIMENSIONS), jnp.zeros(DIMENSIONS)])

    modulus = jnp.sqrt(jax.random.uniform(next(keys), (WIDTH,)) * (0.99**2 - 0.5**2) + 0.5**2)
    phase = jax.random.uniform(next(keys), (WIDTH,)) * 2 * jnp.pi
    return {
        "embeddings": normal(items, DIMENSIONS, scale=0.05),
        "biases": jnp.zeros(items),
        "input_norm": norm(),
        "log_decay": jnp.log(-jnp.log(modulus)),
        "log_phase": jnp.log(phase + 1e-4),
        "log_gain": 0.5 * jnp.log1p(-(modulus**2)),
        "input": normal(DIMENSIONS, 2 * WIDTH, scale=(2 * DIMENSIONS) ** -0.5),
        "state_output": normal(2 * WIDTH, DIMENSIONS, scale=WIDTH**-0.5),
        "state_norm": norm(),
        "inner": normal(DIMENSIONS, INNER, scale=DIMENSIONS**-0.5),
        "inner_bias": jnp.zeros(INNER),
        "outer": normal(INNER, DIMENSIONS, scale=0.5 * INNER**-0.5),
        "outer_bias": jnp.zeros(DIMENSIONS),
        "output_norm": norm(),
    }


def arrays_of(parameters: Parameters) -> dict[str, Array]:
    """The arrays of a `SequenceModel`: what depends on the item alone is a table."""
    own = {name: jnp.asarray(value) for name, value in parameters.items()}
    last = _norm(own["embeddings"], own["input_norm"])
    kept = ("embeddings", "biases", "state_output", "state_norm", "inner", "inner_bias", "outer", "outer_bias")
    arrays = {name: own[name] for name in (*kept, "output_norm")}
    arrays |= {"decay": jnp.stack(_decay(own)), "last_items": last, "inputs": _inputs(own, last)}
    return {name: np.array(array, np.float32) for name, array in arrays.items()}


def _norm(x: jax.Array, weights: jax.Array) -> jax.Array:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + _EPSILON) * weights[0] + weights[1]


def _decay(p: Parameters) -> tuple[jax.Array, jax.Array]:
    modulus, phase = jnp.exp(-jnp.exp(p["log_decay"])), jnp.exp(p["log_phase"])
    return modulus * jnp.cos(phase), modulus * jnp.sin(phase)


def _inputs(p: Parameters, x: jax.Array) -> jax.Array:
    inputs: jax.Array = (x @ p["input"]) * jnp.tile(jnp.exp(p["log_gain"]), 2)
    return inputs


def _states(p: Parameters, x: jax.Array, goes_on: jax.Array) -> jax.Array:
    """[rows, places, 2 width]; `goes_on` [rows, places] is 0 where a user begins."""
    real, imaginary = _decay(p)

    def step(state: jax.Array, given: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        new, keep = given
        a, b = state[:, :WIDTH] * keep[:, None], state[:, WIDTH:] * keep[:, None]
        state = new + jnp.concatenate([real * a - imaginary * b, real * b + imaginary * a], -1)
        return state, state

    first = jnp.zeros((x.shape[0], 2 * WIDTH))
    _, states = jax.lax.scan(step, first, (_inputs(p, x).swapaxes(0, 1), goes_on.T))
    return states.swapaxes(0, 1)


def _outputs(p: Parameters, items: jax.Array, goes_on: jax.Array, key: jax.Array | None = None) -> jax.Array:
    """[rows, places, dimensions]; with a key some of what passes is dropped."""
    keys = None if key is None else iter(jax.random.split(key, 4))

    def dropped(x: jax.Array) -> jax.Array:
        if keys is None:
            return x
        kept = jax.random.bits(next(keys), x.shape, "uint8") >= int(DROPOUT * 256)
        return jnp.where(kept, x / (1 - DROPOUT), 0)

    x = dropped(_norm(p["embeddings"][items], p["input_norm"]))
    x = _norm(x + dropped(_states(p, x, goes_on) @ p["state_output"]), p["state_norm"])
    inner = dropped(jax.nn.gelu(x @ p["inner"] + p["inner_bias"]))
    return _norm(x + dropped(inner @ p["outer"] + p["outer_bias"]), p["output_norm"])


def _loss(
    p: Parameters,
    items: jax.Array,
    goes_on: jax.Array,
    targets: jax.Array,
    counts: jax.Array,
    negatives: jax.Array,
    key: jax.Array,
) -> jax.Array:
    x = _outputs(p, items, goes_on, key).reshape(-1, DIMENSIONS)
    targets, counts = targets.ravel(), counts.ravel()
    own = (x * p["embeddings"][targets]).sum(-1) + p["biases"][targets]
    drawn = (p["embeddings"].shape[0] - 1) / negatives.shape[0]
    others = x @ p["embeddings"][negatives].T + p["biases"][negatives] + jnp.log(drawn)
    others = jnp.where(negatives[None] == targets[:, None], -1e9, others)
    whole = jnp.logaddexp(own, jax.nn.logsumexp(others, -1))
    loss: jax.Array = ((whole - own) * counts).sum() / counts.sum()
    return loss


_optimizer = optax.chain(
    optax.clip_by_global_norm(1.0), optax.scale_by_adam(b2=0.99), optax.add_decayed_weights(WEIGHT_DECAY)
)


@jax.jit
def _train_step(p: Parameters, state: Any, batch: tuple[Any, ...], negatives: Any, key: jax.Array, rate: float) -> Any:
    loss, gradient = jax.value_and_grad(_loss)(p, *batch, negatives, key)
    updates, state = _optimizer.update(gradient, state, p)
    return jax.tree.map(lambda value, update: value - rate * update, p, updates), state, loss


@jax.jit
def _last_scores(p: Parameters, items: jax.Array, goes_on: jax.Array) -> jax.Array:
    scores: jax.Array = _outputs(p, items, goes_on)[:, -1] @ p["embeddings"].T + p["biases"]
    return scores


def _batches(sequences: Sequences, random: np.random.Generator) -> Iterator[tuple[Array, ...]]:
    """Items, whether their user goes on, the next item and 1 where there is one; each [rows, places]."""
    histories = [history[-(HISTORY + 1) :] for history in sequences.histories if len(history) > 1]
    chosen = [histories[at] for at in random.permutation(len(histories))]
    items = np.concatenate([history[:-1] for history in chosen])
    targets = np.concatenate([history[1:] for history in chosen])
    goes_on = np.ones(len(items), np.float32)
    goes_on[np.cumsum([0, *(len(history) - 1 for history in chosen[:-1])])] = 0
    size = ROWS * ROW
    total = -(-len(items) // size) * size
    counts = np.zeros(total, np.float32)
    counts[: len(items)] = 1
    laid = [np.resize(array, total).reshape(-1, ROW) for array in (items, goes_on, targets)]
    rows = [*laid, counts.reshape(-1, ROW)]
    for chosen_rows in np.split(random.permutation(len(rows[0])), total // size):
        yield tuple(array[chosen_rows] for array in rows)


def validated(p: Parameters, sequences: Sequences) -> tuple[float, float]:
    """HR@10 and NDCG@10 of up to 2,000 validation targets among all items that their users have not met; equal ones
    count against the target."""
    chosen = np.random.default_rng(0).permutation(len(sequences.asked))[:MOST_VALIDATED]
    histories = [sequences.histories[at][-HISTORY:] for at in sequences.asked[chosen].tolist()]
    targets = sequences.targets[chosen]
    ranks = np.empty(len(chosen), np.int64)
    by_length = np.argsort([len(history) for history in histories], kind="stable")
    for start in range(0, len(by_length), _VALIDATED_AT_ONCE):
        part = by_length[start : start + _VALIDATED_AT_ONCE]
        longest = -(-max(len(histories[at]) for at in part) // 50) * 50
        items = np.zeros((_VALIDATED_AT_ONCE, longest), np.int32)
        goes_on = np.ones((_VALIDATED_AT_ONCE, longest), np.float32)
        for row, at in enumerate(part.tolist()):
            first = longest - len(histories[at])
            items[row, first:], goes_on[row, first] = histories[at], 0
        scores = np.array(_last_scores(p, items, goes_on))
        for row, at in enumerate(part.tolist()):
            own = scores[row, targets[at]]
            scores[row, sequences.histories[sequences.asked[chosen[at]]]] = -np.inf
            ranks[at] = (scores[row] >= own).sum() - 1 if np.isfinite(scores[row, targets[at]]) else len(scores[row])
    hits = ranks < 10
    return float(hits.mean()), float((hits / np.log2(ranks + 2)).mean())


def train(
    sequences: Sequences,
    settings: RecurrentSettings,
    checkpoint: Path,
    report: Callable[[Epoch], None] = lambda _: None,
) -> TrainedRecurrent:
    """Trains, or goes on at the `checkpoint` of the same settings and sequences; `report` hears of every epoch. Raises
    `TrainingDiverged`."""
    # Counts would not do: all leave-one-out splits of one log have the same ones, and other targets.
    begun_as = {**asdict(settings), "sequences": sequences.digest()}
    key = jax.random.key(settings.seed, impl="rbg")
    parameters = first_parameters(jax.random.fold_in(key, 0), len(sequences.items))
    state, done = _optimizer.init(parameters), 0
    trained = TrainedRecurrent(parameters, [])
    kept = _read(checkpoint, begun_as)
    if kept is not None:
        parameters, state, trained = kept
        done = len(trained.curve)
    steps = None
    for number in range(done, settings.epochs):
        if _is_over(trained.curve, settings.patience):
            break
        random = np.random.default_rng((settings.seed, number))
        batches = list(_batches(sequences, random))
        steps = steps or len(batches)
        losses = []
        for at, batch in enumerate(batches):
            step = number * steps + at
            left = max(LEAST_RATE, 1 - step / (steps * settings.epochs))
            rate = settings.rate * min(1.0, (step + 1) / WARM_UP) * left
            negatives = random.choice(len(sequences.items), min(NEGATIVES, len(sequences.items)), replace=False)
            step_key = jax.random.fold_in(key, step + 1)
            parameters, state, loss = _train_step(parameters, state, batch, negatives, step_key, rate)
            losses.append(loss)
        mean = float(np.mean([float(loss) for loss in losses]))
        if not np.isfinite(mean):
            raise TrainingDiverged(f"the loss of epoch {number + 1} is {mean}: a lower rate may help")
        epoch = Epoch(number + 1, round(mean, 5), *(round(value, 5) for value in validated(parameters, sequences)))
        if not trained.curve or epoch.ndcg_at_10 > trained.ndcg_at_10:
            trained.best = parameters
        trained.curve.append(epoch)
        _write(checkpoint, begun_as, parameters, state, trained)
        report(epoch)
    return trained


def _is_over(curve: list[Epoch], patience: int) -> bool:
    """Whether none of the last epochs was the best."""
    if not curve:
        return False
    best = max(range(len(curve)), key=lambda at: curve[at].ndcg_at_10)
    return len(curve) - 1 - best >= patience


def _write(path: Path, begun_as: dict[str, Any], parameters: Parameters, state: Any, trained: TrainedRecurrent) -> None:
    """All of it or nothing: the file is replaced as a whole."""
    plain = jax.tree.map(np.asarray, (parameters, jax.tree.leaves(state), trained.best))
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(pickle.dumps((begun_as, plain, trained.curve)))
    partial.replace(path)


def _read(path: Path, begun_as: dict[str, Any]) -> tuple[Parameters, Any, TrainedRecurrent] | None:
    """What was written of the same training; None when there is nothing. Checkpoints are read by who wrote them."""
    if not path.exists():
        return None
    of, (parameters, leaves, best), curve = pickle.loads(path.read_bytes())
    if of != begun_as:
        return None
    parameters, best = (jax.tree.map(jnp.asarray, tree) for tree in (parameters, best))
    state = jax.tree.unflatten(jax.tree.structure(_optimizer.init(parameters)), [jnp.asarray(leaf) for leaf in leaves])
    return parameters, state, TrainedRecurrent(best, curve)
