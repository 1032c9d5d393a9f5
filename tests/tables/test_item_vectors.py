"""Vectors follow what is used together, keep their axes, and exist for items that nobody used yet."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array

from streams.contract.catalog import CatalogItem
from streams.contract.units import HOUR_MS
from tables import associations, content, item_rows, item_vectors
from tables.associations import NEIGHBOUR_SHARDS, SHARD_NEIGHBOURS, SUCCESSOR_SHARDS, AssociationsRow
from tables.forward_decay import HALF_LIFE_H, LANDMARK_H, fading, weight_of_hour
from tables.item_keys import key_of
from tables.item_model import ItemModel
from tables.spectral import fit
from tables.vector_fit import fitted_rows

NOW_MS = 1_700_000_000_000
NOW_WEIGHT = weight_of_hour(NOW_MS / HOUR_MS)
CLUSTERS, SIZE = 4, 60


def affinity(noise: float = 0.0, seed: int = 1) -> csr_matrix:
    """Items of one cluster are used together; `noise` of all pairs besides."""
    blocks = np.kron(np.eye(CLUSTERS), np.ones((SIZE, SIZE)))
    np.fill_diagonal(blocks, 0)
    others = random_array(blocks.shape, density=noise, rng=np.random.default_rng(seed)).toarray()
    return csr_matrix((blocks + others + others.T).astype(np.float32))


def cluster_of(vectors: np.ndarray) -> list[set[int]]:
    nearest = np.argsort(-(vectors @ vectors.T), axis=1)[:, : SIZE // 2]
    return [{int(item) // SIZE for item in row} for row in nearest]


def test_items_used_together_are_near() -> None:
    vectors = fit(affinity(noise=0.02), None)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert cluster_of(vectors) == [{item // SIZE} for item in range(CLUSTERS * SIZE)]


def test_a_fit_keeps_the_axes_of_the_one_before() -> None:
    before = fit(affinity(noise=0.02), None)
    after = fit(affinity(noise=0.02, seed=2), before)
    assert np.einsum("ij,ij->i", before, after).mean() > 0.85
    alone = fit(affinity(noise=0.02, seed=2), None)
    assert np.einsum("ij,ij->i", before, alone).mean() < 0.7, "without turning it would not"


def test_the_same_data_gives_the_same_vectors() -> None:
    assert np.array_equal(fit(affinity(0.02), None), fit(affinity(0.02), None))


def test_an_item_without_neighbours_has_no_vector() -> None:
    lonely = affinity().tolil()
    lonely[0, :] = lonely[:, 0] = 0
    vectors = fit(csr_matrix(lonely), None)
    assert not vectors[0].any()
    assert not fit(csr_matrix((5, 5), dtype=np.float32), None).any()


def used_together(model: ItemModel, item: str, others: list[str], weight: float, visits: float = 0.0) -> None:
    """Tells the model what an item is used together with, each with the same weight."""
    keys = sorted((key_of(other) for other in others), key=lambda key: key % NEIGHBOUR_SHARDS)
    sizes = [sum(key % NEIGHBOUR_SHARDS == shard for key in keys) for shard in range(NEIGHBOUR_SHARDS)]
    assert max(sizes) <= SHARD_NEIGHBOURS
    row = AssociationsRow(
        1,
        0,
        visits,
        bytes([*sizes, *[0] * SUCCESSOR_SHARDS]),
        np.array(keys, "<u8").tobytes(),
        np.full(len(keys), weight, "<f4").tobytes(),
    )
    model.apply(item_rows.associations_key(item), associations.CODEC.encode(row))


def world() -> ItemModel:
    """Two genres of 100 items each, used within the genre; weights as of now."""
    model = ItemModel()
    for number in range(200):
        genre = "Western" if number < 100 else "Musical"
        model.apply_catalog(f"i{number}", CatalogItem(f"i{number}", genres=(genre,), director=f"{genre} director"))
    generator = np.random.default_rng(0)
    for number in range(200):
        first = 0 if number < 100 else 100
        names = [f"i{first + other}" for other in generator.choice(100, 40, replace=False).tolist()]
        used_together(model, f"i{number}", names, NOW_WEIGHT * 3, visits=NOW_WEIGHT * 50)
    return fitted(model)


def fitted(model: ItemModel) -> ItemModel:
    model.refresh_priors(NOW_MS)
    for key, value in fitted_rows(model, NOW_MS):
        model.apply(key, value)
    model.refresh_vectors()
    return model


def likeness(model: ItemModel, item: str, other: str) -> float:
    vectors = model.vectors.vectors
    return float(vectors[model.index(item)] @ vectors[model.index(other)])


def test_a_new_item_has_the_vector_of_its_kind_the_moment_the_catalogue_names_it() -> None:
    model = world()
    model.apply_catalog("new", CatalogItem("new", genres=("Western",), director="Western director"))
    model.refresh_priors(NOW_MS)
    model.refresh_vectors()
    assert likeness(model, "new", "i3") > 0.5 > likeness(model, "new", "i150")
    found, _ = model.vectors.index.search(model.vectors.vectors[model.index("i3")], 101)
    assert model.index("new") in found


def test_what_people_do_outweighs_the_catalogue_in_time() -> None:
    model = world()
    model.apply_catalog("new", CatalogItem("new", genres=("Western",), director="Western director"))
    musicals = [f"i{number}" for number in range(100, 140)]
    used_together(model, "new", musicals, NOW_WEIGHT, visits=NOW_WEIGHT * 100)
    model.refresh_priors(NOW_MS)
    model.refresh_vectors()
    to_musicals = np.mean([likeness(model, "new", f"i{number}") for number in range(100, 200)])
    to_westerns = np.mean([likeness(model, "new", f"i{number}") for number in range(100)])
    assert to_musicals > 2 * to_westerns


def test_only_vectors_of_which_something_changed_are_blended_again() -> None:
    model = world()
    for name in ("visited", "described", "left alone"):
        model.apply_catalog(name, CatalogItem(name, genres=("Western",)))
    model.refresh_priors(NOW_MS)
    model.refresh_vectors()
    before = model.vectors.vectors.copy()
    names = {name: model.index(name) for name in ("visited", "described", "left alone")}
    model.vectors.vectors[list(names.values())] = 7  # what is blended again is overwritten
    used_together(model, "visited", [f"i{number}" for number in range(100, 140)], NOW_WEIGHT)
    model.apply_catalog("described", CatalogItem("described", genres=("Musical",)))
    model.refresh_vectors()
    after = model.vectors.vectors
    assert (after[names["left alone"]] == 7).all()
    assert all(np.linalg.norm(after[names[name]]) == pytest.approx(1, abs=1e-5) for name in ("visited", "described"))
    for key, value in fitted_rows(model, NOW_MS):
        model.apply(key, value)
    model.apply(item_rows.vector_key("i0"), item_vectors.encode(before[0]))  # a fit: all are
    model.refresh_vectors()
    assert not (model.vectors.vectors[names["left alone"]] == 7).any()


def test_only_vectors_that_moved_are_published_again() -> None:
    assert len(fitted_rows(world(), NOW_MS)) < 200 / 4


def test_a_stored_vector_is_as_exact_as_it_needs_to_be() -> None:
    vector = np.random.default_rng(0).standard_normal(128).astype(np.float32)
    vector /= np.linalg.norm(vector)
    stored = item_vectors.decode(item_vectors.encode(vector))
    assert float(stored @ vector) == pytest.approx(1, abs=1e-3)


def test_tokens_say_what_kind_of_text_they_are() -> None:
    named = content.tokens(CatalogItem("a", cast=("Western",)))
    assert named
    assert set(named).isdisjoint(content.tokens(CatalogItem("b", genres=("Western",))))


def test_what_happened_a_half_life_ago_counts_half() -> None:
    now_ms = int((LANDMARK_H + 3 * HALF_LIFE_H) * HOUR_MS)
    then = weight_of_hour(LANDMARK_H + 2 * HALF_LIFE_H)
    assert then * fading(now_ms) == pytest.approx(0.5)
