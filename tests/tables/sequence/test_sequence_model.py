"""The file of a sequence model comes back as it was, and whatever is wrong with it is said before anybody ranks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_sequence_model import small_sequence_model

from tables.sequence import sequence_model
from tables.sequence.sequence_model import RankerStart, SequenceModel, UnusableSequenceModel

ITEMS = ("a", "b", "c", "d")


def changed(**arrays: Any) -> SequenceModel:
    model = small_sequence_model(ITEMS)
    return replace(model, arrays={**model.arrays, **arrays})


def test_a_model_comes_back_as_it_was() -> None:
    start = RankerStart(["recurrent"], [[], [1.5]], [0.0, -3.0])
    model = small_sequence_model(ITEMS, trained_until_ms=7, ranker=start)
    data = model.encode()
    found = SequenceModel.decode(data)
    assert (found.items, found.trained_until_ms, found.ranker) == (ITEMS, 7, start)
    assert all(np.array_equal(found.arrays[name], array) for name, array in model.arrays.items())
    assert found.encode() == data
    assert len(found.digest) == 64
    assert found.digest != small_sequence_model(ITEMS, seed=1).digest


def test_every_damaged_byte_is_noticed() -> None:
    data = small_sequence_model(ITEMS).encode()
    for place in range(0, len(data), 97):
        damaged = bytearray(data)
        damaged[place] ^= 1
        with pytest.raises(UnusableSequenceModel):
            SequenceModel.decode(bytes(damaged))
    for length in (0, 10, 90, len(data) - 1):
        with pytest.raises(UnusableSequenceModel):
            SequenceModel.decode(data[:length])


@pytest.mark.parametrize("name", sorted(small_sequence_model(ITEMS).arrays.keys() - {"linear_items"}))
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_is_refused(name: str, number: float) -> None:
    array = small_sequence_model(ITEMS).arrays[name].copy()
    array.flat[-1] = number
    with pytest.raises(UnusableSequenceModel, match=f"{name} holds what is no number"):
        changed(**{name: array}).encode()


@pytest.mark.parametrize("name", sorted(small_sequence_model(ITEMS).arrays))
def test_numbers_of_another_kind_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    array = small_sequence_model(ITEMS).arrays[name]
    kind, other = ("int32", np.float32) if name == "linear_items" else ("float32", np.int32)
    why = f"{name} has numbers of kind {np.dtype(other)} instead of {kind}"
    for dtype in (other, np.float64):
        with pytest.raises(UnusableSequenceModel, match=f"{name} has numbers of kind {np.dtype(dtype)} instead of"):
            changed(**{name: array.astype(dtype)}).encode()
    monkeypatch.setattr(sequence_model, "_check", lambda _: None)
    data = changed(**{name: array.astype(other)}).encode()
    monkeypatch.undo()
    with pytest.raises(UnusableSequenceModel, match=why):
        SequenceModel.decode(data)


def test_what_does_not_fit_together_is_refused() -> None:
    model = small_sequence_model(ITEMS)
    for wrong, why in (
        (changed(biases=np.zeros(3, np.float32)), "biases has 3 items where there are 4"),
        (changed(inner=np.zeros(3, np.float32)), "inner has 1 dimensions instead of 2"),
        (changed(moon=np.zeros(3, np.float32)), "moon"),
        (changed(decay=np.ones((2, 4), np.float32)), "grow for ever"),
        (changed(linear_items=np.full((4, 3), 4, np.int32)), "name items that there are not"),
        (replace(model, items=("a", "b", "c", "a")), "one twice"),
        (replace(model, ranker=RankerStart(["recurrent"], [[1.0, 2.0]], [0.0])), "other features than it names"),
        (replace(model, ranker=RankerStart(["recurrent"], [[np.nan]], [0.0])), "no number"),
    ):
        with pytest.raises(UnusableSequenceModel, match=why):
            wrong.encode()


def test_a_later_format_is_refused() -> None:
    data = small_sequence_model(ITEMS).encode().replace(b"model 1 ", b"model 2 ", 1)
    with pytest.raises(UnusableSequenceModel, match="format 2, this release reads 1"):
        SequenceModel.decode(data)
