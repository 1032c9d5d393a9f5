"""Are the lists of two checkouts the same? One dumps what users would get along real logs, the other compares.

    PYTHONPATH=<former checkout> python bench/same_lists.py dump former.jsonl
    python bench/same_lists.py dump now.jsonl former.jsonl
    python bench/same_lists.py compare former.jsonl now.jsonl

Run from a checkout, with FRESHET_DATA_DIR or ./data holding the data sets. Items, events and profiles are enriched with
everything that a rule asks for (regions, languages, ratings, windows, releases, dislikes). Lists are made with default
settings and with all re-ranking rules on. The second dump ranks by the learned weights of the first: what a list shows
is compared, not what a ranker has learned from hundreds of lists, each with its own rounding.
"""

import json
import os
import random
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np

from agents.lists.item_cards import card_of
from agents.lists.list_maker import ListMaker
from offline.datasets.movielens_1m import MovieLens1M
from offline.datasets.movielens_100k import MovieLens100K
from offline.datasets.online_retail import OnlineRetail
from offline.datasets.rows import encode
from offline.production_path import ProductionPath
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from serving.item_card import ItemCard
from serving.joined_list import decode
from serving.keys import Keys
from serving.list_format import FORMAT_VERSION, MAGIC
from streams.contract.catalog import CatalogItem, UserProfile, parse_catalog_item
from streams.contract.events import EventType, Interaction, parse_interaction
from streams.contract.units import DAY_MS
from tables.item_model import ItemModel
from tables.user import User

SIZE = 100
#: How list values begin.
LIST = bytes((MAGIC, FORMAT_VERSION))
#: Events of each log, and after how many of them lists of some users are made.
LOGS = ((MovieLens100K, 70_000, 5_000, 100), (OnlineRetail, 60_000, 6_000, 110), (MovieLens1M, 40_000, 8_000, 120))
#: An odd size, so that lists stand at every place of a batch.
BATCH = 37
#: What some of the events become: what was refused is never listed, and tells of genres.
KINDS = (EventType.DISLIKE, EventType.SKIP, EventType.LIKE)
SETTINGS = {
    "default": RerankSettings(),
    "all": RerankSettings(
        mmr_lambda=0.7, min_genres=5, category_max=3, genre_share_max=0.3, new_item_share=0.1, explore_items=5
    ),
}
SCORE_TOLERANCE = 2e-4  # of the four decimals that are written, one step and what rounding adds


def dump(rankers: dict[tuple[str, int], Ranker]) -> Iterator[dict[str, Any]]:
    """What each of the users gets, by log, number of events and settings; ranked by `rankers` where there is one."""
    data = Path(os.environ.get("FRESHET_DATA_DIR", "data"))
    for dataset, events, step, users in LOGS:
        path, known = ProductionPath(), dict[str, None]()
        found = dataset.find(data)
        rows = islice(found.events(), events)
        parsed = [parse_interaction(encode(row), row.timestamp) for row in rows]
        last_ms = max(event.timestamp_ms for event in parsed)
        items = [(row.item_id, parse_catalog_item(row.item_id.encode(), encode(row))) for row in found.items()]
        path.describe((item_id, _enriched(item, last_ms)) for item_id, item in items)
        makers = {name: _maker(path, settings) for name, settings in SETTINGS.items()}
        for number, event in enumerate(parsed, start=1):
            path.learn(_enriched_event(event))
            known.pop(event.user_id, None)
            known[event.user_id] = None
            if number % step:
                continue
            now_ms = event.timestamp_ms + 1_000
            path.publish(now_ms)
            chosen = list(known)[-users:]
            asked = [(user, _profile(user_id)) for user_id in chosen if (user := path.user(user_id))]
            asked += [(User.new(f"new {name}", 100), _profile(f"new {name}")) for name in range(6)]
            ranker = rankers.get((dataset.__name__, number), path.ranker)
            weights = [ranker.weights.tolist(), ranker.intercepts.tolist(), ranker.number]
            yield {"of": [dataset.__name__, number], "ranker": weights}
            for name, maker in makers.items():
                maker._follower.ranker = ranker
                for (user, _), values in zip(asked, _values(maker, asked, now_ms), strict=True):
                    yield {"of": [dataset.__name__, number, name, user.user_id], **values}


def _maker(path: ProductionPath, settings: RerankSettings) -> ListMaker:
    follower = SimpleNamespace(
        model=path.model, ranker=path.ranker, catalogue_version=1, changed_since=lambda _since: None
    )
    return ListMaker(follower, Keys("t", "v"), "v", SIZE, 1_000, settings)  # type: ignore[arg-type]


def _values(
    maker: ListMaker, asked: Sequence[tuple[User, UserProfile | None]], now_ms: int
) -> Iterator[dict[str, Any]]:
    for start in range(0, len(asked), BATCH):
        batch = asked[start : start + BATCH]
        if hasattr(maker, "values_of"):
            made = maker.values_of(batch, 0, now_ms)
        else:
            made = [maker.user_values(user, profile, 0, now_ms) for user, profile in batch]
        cards = _cards(maker.model)
        for one in made:
            values = dict(one.values)
            lists = [decode(value, cards) for key, value in values.items() if value[:2] == LIST]
            others = {key.split("{u:")[0].split(":")[-2]: value for key, value in values.items() if value[:2] != LIST}
            vector = others.pop("user_emb", b"")
            yield {
                "rows": [
                    [
                        (row["item_id"], row.get("score"), row.get("reason_code"), row.get("reason"))
                        for row in found["recommendations"]
                    ]
                    for found in lists
                ],
                "heads": [{name: found[name] for name in found if name != "recommendations"} for found in lists],
                "others": {name: zlib.crc32(value) for name, value in others.items()},
                "vector": np.frombuffer(vector, "<f4").astype(float).round(6).tolist(),
                "basis": [one.basis.recent.tolist(), round(one.basis.visits, 3)],
            }


def _cards(model: ItemModel) -> dict[int, ItemCard]:
    keys = model.keys.keys[: len(model)].tolist()
    return {key: card_of(model, index) for index, key in enumerate(keys) if model.ids[index]}


def compare(former: Path, now: Path) -> int:
    """Prints what differs; the number of lists that do, but for exact ties."""
    counts, ties = Counter[str](), []
    for a, b in zip(map(json.loads, former.open()), map(json.loads, now.open()), strict=True):
        assert a["of"] == b["of"], (a["of"], b["of"])
        if "ranker" in a:
            continue
        counts["decisions"] += 1
        for name, one, other in zip(("list", "continue", "post_play"), a["rows"], b["rows"], strict=True):
            _compare_rows(a["of"], name, one, other, counts, ties)
        counts["heads that differ"] += a["heads"] != b["heads"]
        for name in a["others"]:
            counts[f"{name} that differ"] += a["others"][name] != b["others"].get(name)
        counts["vectors that differ"] += not np.allclose(a["vector"], b["vector"], atol=1e-5)
        counts["bases that differ"] += a["basis"][0] != b["basis"][0]
    print(json.dumps({**counts, "ties": len(ties)}, indent=1))
    for tie in ties[:40]:
        print("differs:", *tie)
    return counts["lists that differ"]


def _compare_rows(of: list[Any], name: str, one: Any, other: Any, counts: Counter[str], ties: list[Any]) -> None:
    counts[f"{name}: items in all"] += len(one)
    items, others = [row[0] for row in one], [row[0] for row in other]
    if items != others:
        place = next((at for at, pair in enumerate(zip(items, others, strict=False)) if pair[0] != pair[1]), None)
        counts[f"{name}s that differ"] += 1
        if place is None:
            ties.append((of, name, "lengths", len(one), len(other)))
        else:
            ties.append((of, name, "slot", place, one[place][:2], other[place][:2], len({*items} ^ {*others})))
        return
    for row, its in zip(one, other, strict=True):
        counts[f"{name}: scores that differ"] += abs((row[1] or 0) - (its[1] or 0)) > SCORE_TOLERANCE
        counts[f"{name}: reasons that differ"] += row[2:] != its[2:]


def _dice(text: str) -> random.Random:
    return random.Random(zlib.crc32(text.encode()))


def _enriched(item: CatalogItem, now_ms: int) -> CatalogItem:
    dice, changed = _dice(item.item_id), dict[str, Any]()
    if dice.random() < 0.1:
        changed["regions"] = tuple(dice.sample(["DE", "FR", "US", "GB", "NL"], 2))
    if dice.random() < 0.1:
        changed["attributes"] = {"languages": dice.sample(["de", "fr", "en"], 2)}
    if dice.random() < 0.2:
        changed["language"] = dice.choice(["de", "fr", "en"])
    if dice.random() < 0.1:
        changed["maturity"] = dice.choice(["18", "16", "12"])
    if dice.random() < 0.05:
        changed["available_until_ms"] = now_ms + dice.choice([-1, 1]) * DAY_MS
    if dice.random() < 0.1:
        changed["released_at_ms"] = now_ms - dice.randrange(40) * DAY_MS
    if not item.genres and dice.random() < 0.8:
        changed["genres"] = tuple(dice.sample("abcdefgh", dice.choice([1, 2, 3])))
    return msgspec.structs.replace(item, **changed)


def _enriched_event(event: Interaction) -> Interaction:
    dice = _dice(event.user_id)
    kind = _dice(event.event_id).choice([event.event_type] * 9 + [*KINDS])
    return msgspec.structs.replace(
        event,
        event_type=kind,
        rating=event.rating or 4.0,
        country=event.country or dice.choice([None, "DE", "FR", "US"]),
        language=dice.choice([None, None, "de", "en-GB"]),
        device_type=dice.choice(["tv", "mobile", None]),
    )


def _profile(user_id: str) -> UserProfile | None:
    dice = _dice("profile " + user_id)
    if dice.random() < 0.5:
        return None
    return UserProfile(
        user_id,
        country=dice.choice(["DE", "US"]),
        language=dice.choice(["de", "fr"]),
        timezone=dice.choice([None, "Pacific/Auckland", "America/New_York"]),
        disliked_genres=tuple(dice.sample(["Horror", "Western", "Drama", "a"], dice.choice([0, 0, 1]))),
        favorite_genres=tuple(dice.sample(["Comedy", "Drama", "b"], dice.choice([0, 1]))),
        seed_items=tuple(dice.sample(["1", "50", "100", "181", "258"], dice.choice([0, 3]))),
        maturity_max=dice.choice(["18", "16", "12"]),
        kids=dice.random() < 0.1,
    )


if __name__ == "__main__":
    if sys.argv[1] == "dump":
        learned = [json.loads(line) for path in sys.argv[3:] for line in Path(path).read_text().splitlines()]
        rankers = {
            tuple(made["of"]): Ranker(np.array(weights), np.array(intercepts), number)
            for made in learned
            if "ranker" in made
            for weights, intercepts, number in [made["ranker"]]
        }
        with Path(sys.argv[2]).open("w") as file:
            for made in dump(rankers):
                file.write(json.dumps(made, default=np.generic.item) + "\n")
    else:
        sys.exit(compare(Path(sys.argv[2]), Path(sys.argv[3])) > 0)
