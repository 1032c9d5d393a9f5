"""A user is erased after their guests, and not before workers forgot those."""

from types import SimpleNamespace
from typing import Any

import pytest

from ops.exit_codes import ExitCode
from ops.operator.erasure import erase as subject
from ops.operator.erasure.check import Leftovers, Names
from ops.operator.erasure.erase import Erased, GuestsNotForgotten, erase
from ops.operator.erasure.links import LinkBook
from streams.contract.erasure import ErasureMarker
from streams.contract.identities import PLAIN
from streams.kafka.topics import Topics

TOPICS = Topics("t", "v1")
SILENT, FORGOTTEN = {"v1": "forgotten", "v2": "no answer"}, {"v1": "forgotten", "v2": "forgotten"}


class Workers:
    """What workers answer for each id; who was to be forgotten, in turn."""

    def __init__(self, answers: dict[str, dict[str, str]]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def forget(self, _k: str, _r: str, _t: Topics, names: Names, _s: float) -> tuple[Any, int, dict[str, str]]:
        self.asked.append(names.sent)
        return ErasureMarker(names.sent, 1, 7), 3, self._answers.get(names.sent, FORGOTTEN)


async def erased(monkeypatch: pytest.MonkeyPatch, workers: Workers) -> Erased:
    async def read_links(*_: Any) -> LinkBook:
        return LinkBook({"g1": "u", "g2": "u", "g3": "somebody else"})

    async def nothing(*_: Any) -> Leftovers:
        return Leftovers()

    class Sole:
        def __init__(self, *_: Any) -> None: ...
        async def __aenter__(self) -> None: ...
        async def __aexit__(self, *_: object) -> None: ...

    for name, stand_in in (
        ("read_links", read_links),
        ("_forget", workers.forget),
        ("sole_producer", Sole),
        ("remove_links", nothing),
        ("read_erasures", nothing),
        ("check", nothing),
    ):
        monkeypatch.setattr(subject, name, stand_in)
    files: Any = SimpleNamespace(erase=lambda _known: None)
    return await erase("nowhere:1", "redis://nowhere", TOPICS, "u", PLAIN, files, 0.5)


async def test_a_user_is_left_until_every_worker_forgot_their_guests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = Workers({"g1": SILENT})
    with pytest.raises(GuestsNotForgotten, match=r"^workers of v2 did not say within 0.5 s") as failed:
        await erased(monkeypatch, workers)
    assert failed.value.code is ExitCode.CHECK_FAILED
    assert workers.asked == ["g1", "g2"]


async def test_whose_worker_does_not_answer_for_themselves_is_looked_for_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = Workers({"u": SILENT})
    found = await erased(monkeypatch, workers)
    assert (found.guests, found.versions, found.end_offset) == (["g1", "g2"], SILENT, 7)
    assert workers.asked == ["g1", "g2", "u"]
