"""What can be evaluated, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from offline.evaluate.baselines.als import ImplicitAls
from offline.evaluate.baselines.ease import Ease
from offline.evaluate.baselines.item_knn import ItemKnn
from offline.evaluate.baselines.popularity import Popularity, RecentPopularity
from offline.evaluate.baselines.slist import Slist
from offline.evaluate.baselines.stan import Stan
from offline.evaluate.baselines.vsknn import VSknn
from offline.evaluate.freshet import Freshet
from offline.evaluate.recommender import Recommender
from offline.production_path import BATCH, RETENTION_MS, ProductionPath
from ranking.pipeline import DEFAULT_RULES
from ranking.rerank.settings import RerankSettings
from streams.contract.catalog import CatalogItem
from tables.sequence.sequence_model import SequenceModel

FRESHET = "freshet"
#: Item-kNN, EASE and SLIST keep dense item-item matrices: 1.6 GB at this size.
DENSE_ITEMS = 20_000


@dataclass(frozen=True, slots=True)
class EvaluationConditions:
    """What models are made for: the catalogue, the delay of our item model, the seed, and after how long without an
    event we forget a user; by which rules our lists are re-ranked, and with which sequence model they are ranked; and
    after how many events of which no list is asked items are published. Models of the night are refitted once there are
    `least_new` events that they do not know."""

    catalog: Mapping[str, CatalogItem]
    lag_ms: int = 0
    seed: int = 1
    retention_ms: int = RETENTION_MS
    rules: RerankSettings = DEFAULT_RULES
    sequence_model: SequenceModel | None = None
    most_unpublished: int = BATCH
    least_new: int = 1


def _freshet(given: EvaluationConditions) -> Recommender:
    path = ProductionPath(
        lag_ms=given.lag_ms,
        rules=given.rules,
        retention_ms=given.retention_ms,
        sequence_model=given.sequence_model,
        most_unpublished=given.most_unpublished,
    )
    return Freshet(path, given.catalog)


MODELS: Mapping[str, Callable[[EvaluationConditions], Recommender]] = {
    FRESHET: _freshet,
    "popularity": lambda _: Popularity(),
    "recent_popularity": lambda _: RecentPopularity(),
    "item_knn": lambda _: ItemKnn(),
    "vsknn": lambda _: VSknn(),
    "stan": lambda _: Stan(),
    "slist_nightly": lambda given: Slist(least_new=given.least_new),
    "slist_live_history": lambda given: Slist(live_history=True, least_new=given.least_new),
    "ease_nightly": lambda given: Ease(least_new=given.least_new),
    "ease_live_history": lambda given: Ease(live_history=True, least_new=given.least_new),
    "als_nightly": lambda given: ImplicitAls(given.seed, least_new=given.least_new),
    "als_live_history": lambda given: ImplicitAls(given.seed, live_history=True, least_new=given.least_new),
}
DENSE = frozenset({"item_knn", "ease_nightly", "ease_live_history", "slist_nightly", "slist_live_history"})
