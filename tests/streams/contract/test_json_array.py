"""An array that arrives in pieces is read as if it had come at once, with one element in memory."""

import json
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.json_array import ArrayElements
from streams.contract.plain_bytes import UnreadableInput
from streams.contract.wire import MAX_RECORD_BYTES

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.just('a"],[\\'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
#: What is an array, nearly an array, or nothing of the kind.
NEARLY = st.lists(
    st.sampled_from(['"', "\\", "[", "]", "{", "}", ",", ":", "1", " ", "a", "null", '"a"', '{"a":1}']), max_size=14
)


def at_once(text: bytes) -> list[bytes] | None:
    try:
        return [bytes(value) for value in msgspec.json.decode(text, type=list[msgspec.Raw])]
    except msgspec.DecodeError:
        return None


def in_pieces(pieces: Iterable[bytes]) -> list[bytes] | None:
    elements = ArrayElements()
    try:
        found = [element for piece in pieces for element in elements.feed(piece)]
        elements.end()
    except UnreadableInput:
        return None
    assert elements.count == len(found)
    return found


def cut(text: bytes, sizes: list[int]) -> Iterator[bytes]:
    places = [0]
    while places[-1] < len(text):
        places.append(places[-1] + sizes[len(places) % len(sizes)])
    return (text[start:end] for start, end in pairwise(places))


@given(st.lists(VALUES, max_size=5), st.lists(st.integers(1, 9), min_size=1), st.sampled_from([None, 1]), st.booleans())
@settings(max_examples=400)
def test_elements_are_the_bytes_that_were_written(
    values: list[object], sizes: list[int], indent: int | None, plain: bool
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    assert in_pieces(cut(text, sizes)) == at_once(text) is not None


@given(NEARLY, st.lists(st.integers(1, 4), min_size=1))
@settings(max_examples=1_500)
def test_what_is_no_array_is_refused_as_at_once(parts: list[str], sizes: list[int]) -> None:
    for text in ("".join(parts).encode(), f"[{''.join(parts)}]".encode()):
        if text.lstrip().startswith(b"["):
            assert in_pieces(cut(text, sizes)) == at_once(text), text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'[{"a":1}', "cut off"),
        (b'[{"a":1},]', "element 2"),
        (b"[1,2] 3", "outside"),
        (b"[1][2]", "outside"),
        (b"[1}", "bracket"),
        (b"[1,{a:2}]", "element 2"),
        (b'["a', "cut off"),
    ],
)
def test_the_sentence_says_what_is_wrong(text: bytes, why: str) -> None:
    def read() -> None:
        elements = ArrayElements()
        list(elements.feed(text))
        elements.end()

    with pytest.raises(UnreadableInput, match=f"begins like a JSON array and is none: .*{why}"):
        read()


def test_memory_does_not_grow_with_the_array_nor_with_an_element() -> None:
    def pieces() -> Iterator[bytes]:
        yield b'[{"a":"'
        for _ in range(400):
            yield b"x" * 65_536  # one element of 26 MB
        yield b'"}'
        for number in range(40):
            yield b",%d" % number * 1_000
        yield b"]"

    elements = ArrayElements()
    lengths = [0, 0]
    tracemalloc.start()
    try:
        for piece in pieces():
            for element in elements.feed(piece):
                lengths[0], lengths[1] = max(lengths[0], len(element)), lengths[1] + 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert lengths == [MAX_RECORD_BYTES + 1, 40_001]
    elements.end()
    assert peak < 2_000_000
