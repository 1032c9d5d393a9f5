"""On real films and ratings: variety for everybody, at a price that is known."""

from collections import defaultdict
from pathlib import Path

import pytest

from offline.datasets.movielens_100k import MovieLens100K
from offline.datasets.rows import encode
from offline.production_path import ProductionPath
from ranking.rerank.settings import RerankSettings
from streams.contract.catalog import parse_catalog_item
from streams.contract.events import parse_interaction

DATA = Path(__file__).parents[3] / "shared" / "data"
LEARNED = 5_000
SHOWN = 20


@pytest.mark.skipif(not (DATA / "ml-100k" / "u.data").exists(), reason="needs ../shared/data/ml-100k")
def test_three_genres_in_the_first_20_of_practically_everybody() -> None:
    films = MovieLens100K.find(DATA)
    path = ProductionPath()
    path.describe((row.item_id, parse_catalog_item(row.item_id.encode(), encode(row))) for row in films.items())
    users: defaultdict[str, int] = defaultdict(int)
    last_ms = 0
    for event, _ in zip(films.events(), range(LEARNED), strict=False):
        path.learn(parse_interaction(encode(event), event.timestamp))
        users[event.user_id] += 1
        last_ms = event.timestamp
    varied, moved = 0, 0
    for user_id in users:
        listed = path.list_for(user_id, last_ms, SHOWN)
        plain = path.list_for(user_id, last_ms, SHOWN, RerankSettings.off())
        genres = set().union(*(path.model.catalog.genres[item] for item in listed.item_index.tolist()))
        varied += len(genres) >= 3
        moved += listed.item_index.tolist() != plain.item_index.tolist()
    assert varied >= 0.995 * len(users)
    assert moved > 0.9 * len(users), "the rules are at work"
