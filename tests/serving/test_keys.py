from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.keys import CONTEXTS, KINDS, REGIONS, SHARED_KINDS, Keys
from serving.list_format import FORMAT_VERSION, FORMER_VERSION
from tables.regions import COUNTRIES_OF

USERS = st.text("a:}{u", min_size=1, max_size=8)


@given(USERS, st.sampled_from(CONTEXTS), USERS, st.sampled_from(CONTEXTS))
def test_no_two_users_or_contexts_share_a_key(user: str, context: str, other: str, other_context: str) -> None:
    keys = Keys("n", "v1")
    same = (user, context) == (other, other_context)
    assert (keys.user_list(user, context) == keys.user_list(other, other_context)) == same


def test_versions_and_namespaces_share_nothing_but_the_live_pointer() -> None:
    assert Keys("", "v1").user_list("u") == "v1:list:{u:u}:homepage"
    assert Keys("n", "v1").blocked == "n:blocked:v1"
    assert Keys("n", "v1").live == Keys("n", "v2").live == "n:live"


#: Names made of everything that could be taken for something else: words of keys, separators, what globs match.
NAMES = st.one_of(
    st.sampled_from(["", "v1", "v2", "demo", "events", "v1-", "v1.x", *sorted(KINDS), *sorted(SHARED_KINDS)]),
    st.text("ab1:*?[]{}\\^-._\n", max_size=4),
)
#: Ids of users are almost anything.
AWKWARD = st.one_of(
    st.sampled_from(["u", "}:homepage", "{u:u}", "v1:list:{u:u}:homepage", "x}v1:continue:{u:u"]),
    st.text("u:{}*", min_size=1),
)


def all_keys(keys: Keys, user: str) -> list[str]:
    """One of every kind that the module's docstring lists, and those of other modules."""
    return [
        *keys.of_user(user),
        *(
            keys.popular(),
            keys.popular(segment="DE"),
            keys.row("new", "*"),
            keys.row("genre", user),
            keys.similar(user),
        ),
        *(keys.trending("*", "7d"), keys.trending_list("asia", "24h"), keys.trending_list("*", "24h", user)),
        *(keys.search_trending("DE", "7d"), keys.written(0), keys.erased(0), keys.holder(0), f"{keys.prefix}worker:17"),
        *keys.of_items,
    ]


def shared_keys(keys: Keys, user: str) -> list[str]:
    return [keys.readers(0), keys.live, f"{keys.root}rate:{{u:{user}}}", f"{keys.root}events:{{u:{user}}}"]


def named(namespace: str, version: str) -> Keys | None:
    try:
        return Keys(namespace, version)
    except ValueError:
        return None


@given(NAMES, NAMES, NAMES, NAMES, AWKWARD)
@settings(max_examples=2_000)
def test_no_key_can_be_taken_for_one_of_another_version_or_namespace(
    namespace: str, version: str, other_namespace: str, other_version: str, user: str
) -> None:
    mine, others = named(namespace, version), named(other_namespace, other_version)
    if mine is None or others is None:
        return
    theirs, shared = all_keys(others, user), shared_keys(others, user)
    assert all(mine.owns(key) == (mine == others) for key in theirs)
    assert not any(mine.owns(key) for key in shared)
    if mine.namespace:
        assert all(mine.namespace_owns(key) == (mine.namespace == others.namespace) for key in [*theirs, *shared])
    assert mine == others or set(theirs).isdisjoint(all_keys(mine, user))
    assert mine.namespace == others.namespace or set(shared).isdisjoint(shared_keys(mine, user))


@given(NAMES, NAMES, NAMES, NAMES, AWKWARD, AWKWARD)
@settings(max_examples=2_000)
def test_the_keys_of_a_user_are_nobody_elses(
    namespace: str, version: str, other_namespace: str, other_version: str, user: str, other: str
) -> None:
    mine, others = named(namespace, version), named(other_namespace, other_version)
    if mine is None or others is None:
        return
    theirs = [*others.of_user(other), *(f"{others.root}{counts}:{{u:{other}}}" for counts in ("rate", "events"))]
    same = mine.namespace == others.namespace and user == other
    assert all(mine.names_user(key, user) == same for key in theirs)


@given(NAMES)
def test_no_name_is_a_pattern(name: str) -> None:
    if named(name, "v1") or named("", name):
        assert set(name).isdisjoint("*?[]\\^")


@pytest.mark.parametrize("word", sorted(KINDS | SHARED_KINDS))
def test_words_of_keys_are_no_names(word: str) -> None:
    with pytest.raises(ValueError, match="may hold only" if "@" in word else "reserved"):
        Keys("", word)


@pytest.mark.parametrize("name", ["a:b", "a*", "a b", "{"])
def test_a_name_that_could_reach_into_another_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="may hold only"):
        Keys(name, "v1")
    with pytest.raises(ValueError, match="may hold only"):
        Keys("n", name)


def test_a_version_is_required() -> None:
    with pytest.raises(ValueError, match="empty"):
        Keys("n", "")


def test_the_regions_of_keys_are_those_that_countries_are_grouped_into() -> None:
    assert set(REGIONS) == set(COUNTRIES_OF)


def test_the_book_says_which_keys_go_when_workers_go_back_to_the_former_release() -> None:
    book = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    keys = Keys("shop", "v1")
    gone = [keys.cards, keys.card_changes, keys.card_stamp, keys.card_order]
    assert f"redis-cli DEL {' '.join(gone)}" in book
    assert f"'{keys.written(0).replace(f':{FORMAT_VERSION}:0', f':{FORMER_VERSION}:*')}'" in book
    assert f"from lists of format {FORMAT_VERSION} to\nthose of format {FORMER_VERSION}:" in book
