"""Which genres a history clearly refuses, beside the definition counted one entry after the other."""

from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import NOW_MS, SmallWorld

from ranking.filters.disliked_genre import CLEAR_MARGIN, CLEAR_SHARE
from ranking.filters.request_context import RequestContexts
from streams.contract.catalog import CatalogItem
from streams.contract.events import EventType

#: Genre numbers of the items, which share few genres with one another; some need a second word of bits.
GENRES = st.lists(st.sets(st.sampled_from([0, 1, 2, 63, 64, 130]), max_size=3), min_size=1, max_size=40)


def by_definition(genres: list[set[int]], refused: list[bool]) -> set[int]:
    found = set()
    for genre in set().union(*genres):
        of_it = [refuses for has, refuses in zip(genres, refused, strict=True) if genre in has]
        others = [refuses for has, refuses in zip(genres, refused, strict=True) if genre not in has]
        margin = sum(of_it) - (len(of_it) - sum(of_it))
        elsewhere = sum(others) / max(len(others), 1)
        if margin >= CLEAR_MARGIN and sum(of_it) / len(of_it) >= elsewhere + CLEAR_SHARE:
            found.add(genre)
    return found


@settings(deadline=None, max_examples=60)
@given(GENRES, st.data())
def test_clearly_refused_is_its_definition(genres: list[set[int]], data: st.DataObject) -> None:
    refused = data.draw(st.lists(st.booleans(), min_size=len(genres), max_size=len(genres)))
    in_catalogue = data.draw(st.lists(st.sampled_from([True, True, False]), min_size=len(genres), max_size=len(genres)))
    world = SmallWorld()
    world.lists(CatalogItem("all", genres=tuple(f"g{number}" for number in range(131))))
    world.lists(
        *(
            CatalogItem(f"i{n}", genres=tuple(f"g{number}" for number in sorted(of)))
            for n, of in enumerate(genres)
            if in_catalogue[n]
        )
    )
    for number, refuses in enumerate(refused):
        world.sends("me", [f"i{number}"], EventType.DISLIKE if refuses else EventType.LIKE)
    known = [of if named else set() for of, named in zip(genres, in_catalogue, strict=True)]
    contexts = RequestContexts.alone((world.user("me"), None), world.model, NOW_MS)
    assert set(contexts.unwanted_genres(0, world.model)) == by_definition(known, refused)
