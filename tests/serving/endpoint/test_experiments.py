"""Answers name the user's variants: those that the list was made under, else those of somebody who has none."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from listed import CardStamp, continue_fragment, redis_of
from made_up_experiments import STARTED_MS, running

from serving import audience
from serving.eligibility import ALWAYS_MS
from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig
from serving.endpoint.versions import LiveVersions, Version
from serving.experiments import ExperimentBook
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter
from streams.contract.experiments import Experiment, Targeting, Variant
from streams.contract.identities import Identities

from .conftest import NOW_MS, TTL_S, eventually, for_everybody, fragments, stamp, started
from .conftest import running as endpoint_of
from .test_reads import LIST, ids, put_popular, put_user

USERS = [f"u{number}" for number in range(30)]
BY_VERSION = (Variant("control", 50), Variant("next", 50, model_version="v2"))


async def tell(writer: ListWriter, *experiments: Experiment) -> ExperimentBook:
    book = ExperimentBook(experiments)
    assert await writer.tell_experiments(book)
    return book


def made_under(experiment_id: str, variant: str) -> CardStamp:
    return CardStamp(replace(stamp().stamp, experiment_id=experiment_id, variant=variant, _common=b""))


async def test_a_list_names_what_it_was_made_under(client: httpx.AsyncClient, writer: ListWriter) -> None:
    value = made_under("a,b", "x,y").personal("u", 7, *for_everybody(fragments("i")))
    begun = made_under("a,b", "x,y").personal(
        "u", 7, [continue_fragment("b", "B", 50, 10, NOW_MS)], page=b'{"genre":"","country":""}'
    )
    record = audience.encode("u", 16, "", b"", (), until_ms=ALWAYS_MS)
    keys = writer.keys
    await writer.write_together(
        [((keys.user_list("u"), value), (keys.continue_watching("u"), begun), (keys.audience("u"), record))], TTL_S
    )
    for path in (f"{LIST}?user_id=u", f"{LIST}/homepage/u", "/api/v1/users/u/continue-watching"):
        answer = await client.get(path)
        body = answer.json()
        assert (body["experiment_id"], body["variant"], body["model_version"]) == ("a,b", "x,y", "v1"), path
        assert answer.text.count('"variant"') == 1


async def test_whoever_has_no_list_is_named_by_the_running_experiments(
    config: EndpointConfig, writer: ListWriter
) -> None:
    await put_popular(writer, "p")
    book = await tell(writer, running("a"), running("b", "other", targeting=Targeting(countries=("DE",))))
    async with endpoint_of(config) as client:
        tags = set()
        for user in USERS:
            treatment = book.untargeted(user)
            for path in (f"{LIST}?user_id={user}&country=DE", f"{LIST}/homepage/{user}?country=DE"):
                answer = await client.get(path)
                body = answer.json()
                assert (body["experiment_id"], body["variant"]) == ("b,a", treatment.variant)
                assert answer.text.count('"variant"') == 1
            elsewhere = await client.get(f"{LIST}?user_id={user}")
            assert elsewhere.json()["experiment_id"] == "a"
            tags.add((elsewhere.headers["etag"], elsewhere.json()["variant"]))
        assert len(tags) == 2, "an answer of another variant is another answer"


async def test_the_copy_is_followed_and_never_goes_back(config: EndpointConfig, writer: ListWriter) -> None:
    await put_popular(writer, "p")
    await tell(writer, running("a", changed_ms=STARTED_MS + 5))
    older = ExperimentBook([running("b", changed_ms=STARTED_MS)])
    async with started(Endpoint(config)) as (client, services):

        async def named(experiment_id: str | None) -> bool:
            body = (await client.get(LIST, params={"user_id": "u"})).json()
            return body.get("experiment_id") == experiment_id

        await eventually(lambda: named("a"))
        for value in (older.encode_running(), b"nonsense"):
            await redis_of(writer).set(writer.keys.experiments, value)

            async def is_read(value: bytes = value) -> bool:
                return services.store.versions._told.value == value

            await eventually(is_read)
            assert await named("a")
        stopped = running("a", state="stopped", stopped_ms=STARTED_MS + 6, changed_ms=STARTED_MS + 6)
        assert await writer.tell_experiments(ExperimentBook([stopped]))
        await eventually(lambda: named(None))


@pytest.mark.parametrize("secret", [b"", b"0123456789abcdef0123456789abcdef"])
async def test_a_variant_by_version_is_served_from_that_version(
    config: EndpointConfig, writer: ListWriter, secret: bytes
) -> None:
    config = replace(config, identities=Identities(secret))
    stored_id = config.identities.of
    for user in USERS:
        for version in ("v1", "v2"):
            await put_user(writer, stored_id(user), version, version=version)
    book = await tell(writer, running("a", variants=BY_VERSION))
    async with endpoint_of(config) as client:
        served = set()
        for user in USERS:
            body = (await client.get(LIST, params={"user_id": user})).json()
            wanted = book.untargeted(stored_id(user)).model_version or "v1"
            assert (body["model_version"], ids(body["recommendations"])) == (wanted, [wanted])
            served.add(wanted)
    assert served == {"v1", "v2"}


async def test_a_copy_that_came_while_redis_went_away_is_followed_later(
    config: EndpointConfig, writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may be shown of new versions could not be read: the copy is not forgotten with it."""
    for version in ("v1", "v2"):
        await put_user(writer, "u", version, version=version)
    async with endpoint_of(config) as client:
        refresh_cards, failures = LiveVersions._refresh_cards, []

        async def failing(self: LiveVersions, version: Version) -> None:
            if version.keys.version == "v2" and len(failures) < 3:
                failures.append(version)
                raise RedisUnavailable("away")
            await refresh_cards(self, version)

        monkeypatch.setattr(LiveVersions, "_refresh_cards", failing)
        everybody = (Variant("control", 0.01), Variant("next", 99.99, model_version="v2"))
        await tell(writer, running("a", variants=everybody))

        async def is_served_from_v2() -> bool:
            return bool((await client.get(LIST, params={"user_id": "u"})).json()["model_version"] == "v2")

        await eventually(is_served_from_v2)
        assert len(failures) == 3
