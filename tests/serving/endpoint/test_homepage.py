"""A homepage: its rows, in order, and no item twice."""

from __future__ import annotations

import json

import httpx
from listed import continue_fragment, item_fragment

from serving.redis_writer import ListWriter

from .conftest import NOW_MS, TTL_S, for_everybody, fragments, stamp
from .test_reads import LIST, ids, put_popular, put_user


def begun_by(user_id: str, *item_ids: str, **page: object) -> bytes:
    entries = [continue_fragment(item_id, item_id.upper(), 50, 10, NOW_MS) for item_id in item_ids]
    about = {"genre": "", "country": "", **page}
    return stamp().personal(user_id, 7, entries, page=json.dumps(about).encode())


async def put_rows(writer: ListWriter) -> None:
    """Shared rows of everywhere, of Germany and of drama."""
    keys = writer.keys
    for key, items, reason in (
        (keys.trending_list("*", "24h"), "ct", "Trending now"),
        (keys.trending_list("DE", "24h"), "cd", "Trending now in DE"),
        (keys.row("new", "*"), "dn", "New"),
        (keys.row("genre", "Drama"), "gn", "Popular in Drama"),
    ):
        listed = [item_fragment(item, item, 0.5, reason, "code") for item in items]
        await writer.write_shared(key, stamp("popular").shared(*for_everybody(listed)), TTL_S)
    await put_popular(writer, "a", "d", "p")


async def rows_of(client: httpx.AsyncClient, user_id: str, **params: str) -> dict[str, tuple[str, list[str]]]:
    body = (await client.get(f"{LIST}/homepage/{user_id}", params=params)).json()
    return {row["id"]: (row["title"], ids(row["items"])) for row in body["sections"]}


async def test_a_homepage_has_all_rows_in_order_and_no_item_twice(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_rows(writer)
    await put_user(writer, "u", "a", "b", "c")
    after = [item_fragment(i, i, 0.5, "Because you liked Alien", "because_you_watched") for i in "aeb"]
    await writer.write_lists(
        [
            (writer.keys.continue_watching("u"), begun_by("u", "b", genre="Drama", country="DE")),
            (writer.keys.user_list("u", "post_play"), stamp().personal("u", 7, after, context="post_play")),
        ],
        TTL_S,
    )
    assert list((await rows_of(client, "u")).items()) == [
        ("top_picks", ("Top picks", ["a", "b", "c"])),
        ("because_you_watched", ("Because you liked Alien", ["e"])),
        ("trending", ("Trending now in DE", ["d"])),
        ("new_releases", ("New releases", ["n"])),
        ("popular_in_genre", ("Popular in Drama", ["g"])),
    ]


async def test_without_a_country_or_genre_the_rows_are_those_of_everywhere(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_rows(writer)
    await put_user(writer, "u", "z")
    await writer.write_lists([(writer.keys.continue_watching("u"), begun_by("u", "b"))], TTL_S)
    assert await rows_of(client, "u") == {
        "top_picks": ("Top picks", ["z"]),
        "continue_watching": ("Continue watching", ["b"]),
        "trending": ("Trending now", ["c", "t"]),
        "new_releases": ("New releases", ["d", "n"]),
        "popular": ("Popular", ["a", "p"]),
    }
    assert (await rows_of(client, "u", country="DE"))["trending"] == ("Trending now in DE", ["c", "d"])


async def test_a_trend_older_than_15_minutes_is_no_row(client: httpx.AsyncClient, writer: ListWriter) -> None:
    keys = writer.keys
    old, young = stamp("popular", age_s=901), stamp("popular", age_s=800)
    await writer.write_shared(keys.trending_list("DE", "24h"), old.shared(*for_everybody(fragments("d"))), TTL_S)
    await put_popular(writer, "p")
    assert "trending" not in await rows_of(client, "new", country="DE")
    await writer.write_shared(keys.trending_list("*", "24h"), young.shared(*for_everybody(fragments("t"))), TTL_S)
    assert (await rows_of(client, "new", country="DE"))["trending"][1] == ["t"]


async def test_homepage_of_an_unknown_user_is_what_everybody_gets(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_popular(writer, "a")
    body = (await client.get(f"{LIST}/homepage/new")).json()
    assert [row["id"] for row in body["sections"]] == ["popular"]
    assert body["source"] == "popular"


async def test_a_list_of_what_was_seen_before_is_not_called_top_picks(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    again = [item_fragment(item, 'A "reason_code":"seen_again"', 0.5, "Watch again", "seen_again") for item in "ab"]
    picks = [item_fragment("a", 'A "reason_code":"seen_again"', 0.5, "For you", "for_you")]
    for user_id, items in (("omnivore", again), ("u", picks)):
        await writer.write_lists([(writer.keys.user_list(user_id), stamp().personal(user_id, 7, items))], TTL_S)
    assert (await rows_of(client, "omnivore"))["top_picks"] == ("Watch again", ["a", "b"])
    assert (await rows_of(client, "u"))["top_picks"] == ("Top picks", ["a"])
