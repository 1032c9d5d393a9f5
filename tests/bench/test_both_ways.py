"""Two ways to make lists are compared on the same state."""

from evaluators.both_ways import BothWays, Recorded

from offline.evaluate.freshet import Freshet
from offline.evaluate.prequential import Window, prequential
from offline.production_path import ProductionPath
from ranking.rerank.settings import RerankSettings
from streams.contract.catalog import CatalogItem
from streams.contract.events import EventType, Interaction

CATALOG = {f"i{n}": CatalogItem(f"i{n}", title=f"Item {n}", genres=(f"g{n % 2}",)) for n in range(40)}
EVENTS = [
    Interaction(f"e{n}", EventType.VIEW, f"u{n % 9}", f"i{(n * n + n // 9) % 40}", 1_700_000_000_000 + n * 1000)
    for n in range(300)
]
WINDOW = Window(200, 300, 5)
ALIKE = RerankSettings(mmr_lambda=0.05)


def test_each_way_is_what_a_replay_of_its_own_would_give() -> None:
    both = BothWays(ProductionPath(), CATALOG, ALIKE)
    found = {"own": prequential(EVENTS, both, WINDOW), "other": prequential(EVENTS, Recorded(both.others), WINDOW)}
    for way, path in (("own", ProductionPath()), ("other", ProductionPath(rules=ALIKE))):
        alone = prequential(EVENTS, Freshet(path, CATALOG), WINDOW)
        assert found[way].rank.tolist() == alone.rank.tolist()
        assert found[way].lists.tolist() == alone.lists.tolist()
    assert found["own"].lists.tolist() != found["other"].lists.tolist()
