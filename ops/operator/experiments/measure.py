"""What the users of an experiment were shown and did, read from the topics."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from aiokafka.structs import ConsumerRecord

from agents.followers.refusals import read_usable
from offline.experiments.exposures import SURFACES, Did, Exposures, ShownList
from offline.experiments.metrics import ExposedUsers
from streams.contract.catalog import parse_catalog_item
from streams.contract.erasure import marker_in
from streams.contract.events import parse_interaction
from streams.contract.experiments import Experiment
from streams.contract.identities import Identities
from streams.contract.reasons import InvalidEvent
from streams.contract.user_records import user_of
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.topics import Topics


class _Item(msgspec.Struct):
    item_id: str


class _Served(msgspec.Struct):
    """What is asked of a record of `recommendation.served`; former releases wrote the ids of items alone."""

    timestamp: Annotated[int, msgspec.Meta(ge=0)]
    surface: str = ""
    items: list[str | _Item] = []
    experiment_id: str = ""
    variant: str = ""
    source: str = ""
    model_version: str = ""


_SERVED = msgspec.json.Decoder(_Served)


async def measure(
    bootstrap: str, topics: Topics, experiment: Experiment, identities: Identities, window_ms: int
) -> tuple[ExposedUsers, int]:
    """The exposed users, and how many are left out because they changed the variant. Users of whom an erasure was asked
    for are no users. Raises `TopicMissing`."""
    exposures = Exposures(experiment, window_ms, await read_genres(bootstrap, topics))
    erased = await _erased(bootstrap, topics, identities)

    def show(record: ConsumerRecord) -> None:
        user_id = user_of(record.key or b"").decode(errors="replace")
        if record.value is None or user_id in erased:
            return
        try:
            served = _SERVED.decode(record.value)
        except msgspec.DecodeError:
            return  # by hand: it names no experiment
        if served.surface not in SURFACES:
            return
        items = [item if isinstance(item, str) else item.item_id for item in served.items]
        labels = served.experiment_id, served.variant
        exposures.show(ShownList(user_id, served.timestamp, *labels, served.source, items, served.model_version))

    def did(record: ConsumerRecord) -> None:
        try:
            event = parse_interaction(record.value, record.timestamp)
        except InvalidEvent:
            return  # the workers reject it as well
        user_id = identities.of(event.user_id)
        if exposures.wants(user_id):
            exposures.add(user_id, event.event_id, Did.of(event))

    await read_topics(bootstrap, [topics.served], show, pass_over)
    await read_topics(bootstrap, [topics.interactions], did, pass_over)
    return exposures.users(), exposures.changed


async def read_genres(bootstrap: str, topics: Topics) -> Mapping[str, Sequence[str]]:
    """Genres by item id, of the catalogue as it is now. Raises `TopicMissing`."""
    genres: dict[str, Sequence[str]] = {}

    def apply(record: ConsumerRecord) -> None:
        try:
            item = parse_catalog_item(record.key, record.value)
        except InvalidEvent:
            return  # said by the workers, who follow the catalogue
        genres[record.key.decode()] = () if item is None else item.genres

    await read_topics(bootstrap, [topics.catalog], apply, pass_over)
    return genres


async def _erased(bootstrap: str, topics: Topics, identities: Identities) -> set[str]:
    """The stored ids of users of whom an erasure was asked for and not withdrawn."""
    erased: set[str] = set()

    def apply(record: ConsumerRecord) -> None:
        user_id, marker = marker_in(record.key, record.value)
        stored_id = identities.of(user_id)
        if marker is None:
            erased.discard(stored_id)
        else:
            erased.add(stored_id)

    await read_usable(bootstrap, [topics.erasure], apply)
    return erased
