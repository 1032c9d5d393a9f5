"""Every kernel is what plain loops say; nothing but the package's own sources goes into it."""

import ast
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tables.kernels
from ranking import kernels
from ranking.kernels.candidates import count_flagged, flag_best, flag_nearest, take_flagged
from ranking.kernels.filters import keep_open, keep_without
from ranking.kernels.interests import add_vectors, genre_shares, take_recent
from ranking.kernels.order import best_first
from ranking.kernels.relative import covered_shares, make_relative, relative_roots
from ranking.kernels.shares import add_shares, add_vector_shares
from ranking.kernels.slates import choose_unlike
from ranking.ragged import Ragged, offsets_of

SOURCES = Path(kernels.__file__).parent
NUMBERS = st.floats(-1, 1, width=32)
SCORES = st.sampled_from([-0.5, 0.0, 0.125, 0.25, 0.25, 0.875]) | NUMBERS
ITEMS = 30


@settings(deadline=None)
@given(st.lists(st.lists(SCORES, min_size=ITEMS, max_size=ITEMS), min_size=1, max_size=3), st.integers(1, 9), st.data())
def test_the_highest_unmet_are_flagged_and_the_first_of_equals(
    scores: list[list[float]], size: int, data: st.DataObject
) -> None:
    met = [data.draw(st.lists(st.integers(0, ITEMS - 1), unique=True)) for _ in scores]
    asked = Ragged.of([np.array(items, np.int32) for items in met])
    some = [sorted(data.draw(st.sets(st.integers(0, ITEMS - 1)))) for _ in scores]
    named = Ragged.of([np.array(items, np.int32) for items in some])
    found, near = np.ones((len(scores), 32), np.uint8), np.ones((len(scores), 32), np.uint8)
    of_named = np.array([scores[user][item] for user, items in enumerate(some) for item in items], np.float64)
    flag_best(*named, of_named, *asked, size, np.uint8(4), found)
    flag_nearest(np.array(scores, np.float32), *asked, size, np.uint8(4), near)
    for user, own in enumerate(scores):
        for flags, items in ((found, some[user]), (near, range(ITEMS))):
            allowed = [item for item in items if item not in met[user] and own[item]]
            best = sorted(allowed, key=lambda item: (-own[item], item))[:size]
            assert np.flatnonzero(flags[user] == 5).tolist() == sorted(best)
            assert set(flags[user].tolist()) <= {1, 5}


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 15).map(lambda bit: bit % 3 and 1 << bit % 8), min_size=24, max_size=24)))
def test_what_is_flagged_is_taken_in_order(rows: list[list[int]]) -> None:
    flags, ends = np.array(rows, np.uint8).reshape(-1, 24), np.zeros(len(rows) + 1, np.int64)
    total = count_flagged(flags, ends)
    items, generators = np.empty(total, np.int32), np.empty(total, np.uint8)
    take_flagged(flags, items, generators)
    assert items.tolist() == [item for row in rows for item, flag in enumerate(row) if flag]
    assert generators.tolist() == [flag for row in rows for flag in row if flag]
    assert ends.tolist() == offsets_of([np.count_nonzero(row) for row in rows]).tolist()


@settings(deadline=None)
@given(st.lists(st.lists(SCORES, max_size=80), min_size=1, max_size=4), st.integers(1, 60))
def test_the_best_come_first_and_of_equals_the_earlier(rows: list[list[float]], size: int) -> None:
    offsets = offsets_of([len(row) for row in rows])
    values = np.array([value for row in rows for value in row], np.float64)
    ends, best = np.zeros(len(rows) + 1, np.int64), np.empty(len(values), np.int64)
    best_first(offsets, values, size, ends, best)
    for row, (first, begin, end) in enumerate(zip(offsets, ends, ends[1:], strict=False)):
        order = sorted(range(len(rows[row])), key=lambda place: (-rows[row][place], place))[:size]
        assert (best[begin:end] - first).tolist() == order


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 3)), max_size=8), min_size=1), st.integers(1, 4))
def test_the_newest_known_uses_are_recent(rows: list[list[tuple[int, int]]], most: int) -> None:
    is_use = np.zeros(256, np.bool_)
    is_use[[1, 3]] = True
    history = np.array([item for row in rows for item, _ in row], np.int32)
    codes = np.array([code for row in rows for _, code in row], np.uint8)
    ends, recent, recent_codes = np.zeros(len(rows) + 1, np.int64), np.empty_like(history), np.empty_like(codes)
    take_recent(offsets_of([len(row) for row in rows]), history, codes, is_use, most, ends, recent, recent_codes)
    for row, begin, end in zip(rows, ends, ends[1:], strict=False):
        uses = [(item, code) for item, code in reversed(row) if item >= 0 and is_use[code]][:most]
        assert list(zip(recent[begin:end].tolist(), recent_codes[begin:end].tolist(), strict=True)) == uses


def some_bits(random: np.random.Generator, items: int, words: int) -> tuple[np.ndarray, np.ndarray]:
    """Which genres each of some items has, and the same as bits."""
    has = random.random((items, 64 * words)) < 0.03 / words
    return has, np.packbits(has, axis=1, bitorder="little").view(np.uint64)


@pytest.mark.parametrize("words", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_each_choice_is_worth_most_beside_those_before_it(words: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    has, bits = some_bits(random, 90, words)
    scale = np.array([n**-0.5 if n else 0.0 for n in has.sum(axis=1)], np.float32)
    likeness = (has.astype(int) @ has.T.astype(int)) * scale * scale[:, None]
    offsets, ranked = offsets_of([40, 2, 48]), np.array([40, 2, 45])
    items, scores = random.permutation(90).astype(np.int32), np.zeros(90, np.float32)
    for first, end in pairwise(offsets.tolist()):
        scores[first:end] = np.sort(random.random(end - first))[::-1]
    order = np.arange(90)
    choose_unlike(offsets, ranked, items, scores, bits, scale, 40, 20, np.float32(3.0), order)
    for first, end in pairwise(offsets.tolist()):
        own, rivals = items[first:end], min(end - first, 40)
        relevance = scores[first : first + rivals]
        relevance = (relevance - relevance[-1]) / (relevance[0] - relevance[-1]) * 3
        chosen = [0] if rivals > 2 else [0, 1]
        while len(chosen) < min(20, rivals):
            worth = relevance - likeness[own[:rivals]][:, own[:rivals]][chosen].max(axis=0)
            worth[chosen] = -np.inf
            chosen.append(int(worth.argmax()))
        left = [place for place in range(end - first) if place not in chosen]
        assert (order[first:end] - first).tolist() == chosen + left


@pytest.mark.parametrize("words", [1, 3])
def test_sets_of_genres_are_what_they_are(words: int) -> None:
    random = np.random.default_rng(words)
    has, bits = some_bits(random, 60, words)
    recent, weights = random.integers(60, size=25).astype(np.int32), np.full(25, 0.5, np.float32)
    shares = np.zeros((2, 64 * words), np.float32)
    genre_shares(offsets_of([25, 0]), recent, weights, 20, bits, shares)
    counts = has[recent[:20]].sum(axis=0)
    assert shares[0] == pytest.approx(counts / counts.sum())
    assert not shares[1].any()
    items, covered = np.arange(60, dtype=np.int32), np.empty(60, np.float32)
    covered_shares(offsets_of([60, 0]), items, bits, shares, covered)
    assert covered == pytest.approx(has @ shares[0], abs=1e-6)
    unwanted, keep = np.zeros((1, 64 * words), np.bool_), np.empty(60, np.bool_)
    unwanted[0, [1, 40, 64 * words - 1]] = True
    keep_without(offsets_of([60]), items, bits, np.packbits(unwanted, axis=1, bitorder="little").view(np.uint64), keep)
    assert keep.tolist() == (~(has & unwanted).any(axis=1)).tolist()
    bounded = has.any(axis=1)
    for number, open_to in ((3, has[:, 3] | ~bounded), (-1, ~bounded), (-2, np.ones(60, np.bool_))):
        keep_open(offsets_of([60]), items, bounded, bits, np.array([number]), keep)
        assert keep.tolist() == open_to.tolist()


def some(random: object, *shape: int) -> np.ndarray:
    return np.array([random.choice([0.0, 0.2, 0.7, 1.0]) for _ in range(int(np.prod(shape)))]).reshape(shape)  # type: ignore[attr-defined]


@settings(deadline=None)
@given(st.integers(0, 4), st.integers(1, 3), st.integers(1, 4), st.integers(0, 6), st.randoms(use_true_random=False))
def test_shares_are_in_proportion_and_together_the_sum(
    items: int, kinds: int, most: int, recent: int, random: object
) -> None:
    sums, parts, counted = some(random, kinds, items), some(random, items, most), some(random, kinds, most)
    found = some(random, items, most + 1)
    expected = found.copy()
    known = min(recent, most)
    for item in range(items):
        for kind in range(kinds):
            counts = counted[kind, :known] * parts[item, :known]
            if counts.sum() > 0:
                expected[item, :known] += sums[kind, item] * counts / counts.sum()
    add_shares(offsets_of([0, items]), offsets_of([3, recent]), most, sums, parts, counted, found)
    assert found == pytest.approx(expected)


def test_parts_that_cancel_out_have_no_share() -> None:
    """An item may be like one recent item as much as it is unlike another: dividing by their sum would give both
    shares of any size, and the reason would be noise."""
    parts = np.array([[0.3, -0.3], [0.3, -0.4], [0.3, 0.1]])
    for found in (np.zeros((3, 2)), np.zeros((3, 2))):
        add_shares(offsets_of([3]), offsets_of([2]), 2, np.full((2, 3), 0.5), parts, np.ones((2, 2)), found)
        assert not found[:2].any()
        assert found[2] == pytest.approx([0.75, 0.25])
        vectors = np.eye(8, dtype=np.float32)
        vectors[2:5, :2] = parts
        found[:] = 0
        recent, weights, counted = np.array([0, 1], np.int32), np.ones(2, np.float32), np.ones((2, 2), np.float32)
        asked = np.array([2, 3, 4], np.int32)
        sums = np.full((2, 3), 0.5)
        add_vector_shares(offsets_of([2]), recent, weights, counted, offsets_of([3]), asked, vectors, sums, found)
        assert not found[:2].any()
        assert found[2] == pytest.approx([0.75, 0.25])


def test_vectors_are_weighed_sums() -> None:
    random = np.random.default_rng(2)
    vectors, places = random.random((9, 16)).astype(np.float32), random.random((2, 5)).astype(np.float32)
    recent, weights = random.integers(9, size=7).astype(np.int32), random.random(7).astype(np.float32)
    sums = np.zeros((3, 2, 16), np.float32)
    add_vectors(offsets_of([3, 0, 4]), recent, weights, places, vectors, sums)
    assert sums[0] == pytest.approx((places[:, :3] * weights[:3]) @ vectors[recent[:3]])
    assert not sums[1].any()
    assert sums[2] == pytest.approx((places[:, :4] * weights[3:]) @ vectors[recent[3:]])


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(0, 1e3, width=32)), min_size=1))
def test_values_are_relative_to_the_highest_of_their_row(rows: list[list[float]]) -> None:
    offsets = offsets_of([len(row) for row in rows])
    values = np.array([value for row in rows for value in row])
    roots, parts = np.full(len(values), 7, np.float32), values.astype(np.float32)
    relative_roots(offsets, values, roots)
    make_relative(offsets, parts)
    expected = [value / max(row) if max(row) else 0 for row in rows for value in row]
    assert parts.tolist() == pytest.approx(expected, abs=1e-6)
    assert roots.tolist() == pytest.approx([value**0.5 for value in expected], abs=1e-6)


def test_a_type_that_a_kernel_is_not_compiled_for_is_an_error() -> None:
    with pytest.raises(TypeError, match="No matching definition"):
        relative_roots(np.zeros(1, np.int64), np.zeros(1, np.float32), np.zeros(1, np.float32))


def test_kernels_depend_on_nothing_but_their_own_sources() -> None:
    """Constants of other modules would be compiled in, and kept though they change there."""
    folders = {"ranking.kernels": SOURCES, "tables.kernels": Path(tables.kernels.__file__).parent}
    common = {"tables.kernels.compiled", "tables.kernels.kept_code"}
    for package, source in [(package, source) for package, folder in folders.items() for source in folder.glob("*.py")]:
        if source.name == "__main__.py":
            continue
        own = common | {f"{package}.{source.stem}" for source in folders[package].glob("*.py")}
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
                "ranking",
                "tables",
                "streams",
            ):
                assert node.module in own, source
