"""Create, start, stop over a real Kafka and Valkey: the topic holds the truth, Redis a copy that never goes back."""

import asyncio

import pytest
from made_up_experiments import QUIET, running, treated

from agents.versions.registry import change_registry
from ops.local_stack.stack import LocalStack
from ops.operator.experiments.fitting_versions import known_since
from ops.operator.experiments.lifecycle import Lifecycle, NotChanged, read_experiments
from ops.operator.experiments.spelling import NotAnExperiment
from ops.operator.inspect.running import NotThere
from ops.operator.versions.switches import NotSwitched, Switching
from serving.experiments import ExperimentBook
from serving.keys import Keys
from serving.redis_writer import ListWriter
from serving.registry import Registry, Switch, VersionRecord
from streams.contract.experiments import Experiment, Targeting, Variant
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

pytestmark = pytest.mark.stack

BY_VERSION = (Variant("x", 50), Variant("y", 50, model_version="v9"))


@pytest.fixture
def topics(stack: LocalStack, namespace: str) -> Topics:
    topics = Topics(namespace)
    ensure_topics(stack.bootstrap, topics, 1, replication=1, timeout_s=30)
    return topics


@pytest.fixture
def lifecycle(stack: LocalStack, topics: Topics) -> Lifecycle:
    return Lifecycle(stack.bootstrap, stack.redis_url, topics.namespace)


def draft(experiment_id: str = "a", **more: object) -> Experiment:
    return running(experiment_id, state="draft", started_ms=None, changed_ms=0, **more)


async def told(stack: LocalStack, topics: Topics) -> tuple[int, ExperimentBook]:
    writer = ListWriter.connect(stack.redis_url, Keys(topics.namespace))
    try:
        return ExperimentBook.decode_running(await writer.read(writer.keys.experiments) or b"")
    finally:
        await writer.close()


async def test_from_draft_to_stopped(stack: LocalStack, topics: Topics, lifecycle: Lifecycle) -> None:
    created = await lifecycle.create(draft(variants=treated(QUIET)))
    assert (created.state, created.who != "") == ("draft", True)
    started = await lifecycle.start("a")
    assert started.state == "running"
    sequence, copy = await told(stack, topics)
    assert (sequence, [one.experiment_id for one in copy.running]) == (started.changed_ms, ["a"])

    stopped = await lifecycle.stop("a")

    assert stopped.stopped_ms == stopped.changed_ms > started.changed_ms > created.changed_ms
    assert (await told(stack, topics))[1].running == ()
    assert (await read_experiments(stack.bootstrap, topics)).by_id == {"a": stopped}
    writer = ListWriter.connect(stack.redis_url, Keys(topics.namespace))
    assert not await writer.tell_experiments(ExperimentBook([started])), "what a late worker knows is older"
    await writer.close()


async def test_what_is_refused(lifecycle: Lifecycle) -> None:
    await lifecycle.create(draft())
    with pytest.raises(NotChanged, match="already"):
        await lifecycle.create(draft())
    with pytest.raises(NotAnExperiment, match="add up to"):
        await lifecycle.create(draft("b", variants=(Variant("x", 1), Variant("y", 1))))
    with pytest.raises(NotThere, match="no experiment 'b'"):
        await lifecycle.start("b")
    with pytest.raises(NotChanged, match="only what runs"):
        await lifecycle.stop("a")
    await lifecycle.start("a")
    with pytest.raises(NotChanged, match="started once"):
        await lifecycle.start("a")
    await lifecycle.create(draft("b", buckets=(9_999, 10_000)))
    with pytest.raises(NotChanged, match="a has the buckets 9999-10000"):
        await lifecycle.start("b")
    await lifecycle.create(
        draft("c", layer="versions", variants=(Variant("x", 50), Variant("y", 50, model_version="v9")))
    )
    with pytest.raises(NotChanged, match=r"^c is not started: there is no version v9$"):
        await lifecycle.start("c")


async def register(stack: LocalStack, topics: Topics, **records: VersionRecord) -> None:
    await change_registry(stack.bootstrap, topics, lambda _: [known.record(name) for name, known in records.items()])


async def serve(stack: LocalStack, topics: Topics, weights: dict[str, int]) -> None:
    switch = Switch(1, "promote", weights, "me", 1)
    await change_registry(stack.bootstrap, topics, lambda _: [switch.record()])


async def test_versions_that_cannot_serve_a_variant(stack: LocalStack, topics: Topics, lifecycle: Lifecycle) -> None:
    await lifecycle.create(draft("c", variants=BY_VERSION))
    await register(stack, topics, v9=VersionRecord(1, "me", retired_ms=2))
    with pytest.raises(NotChanged, match=r"^c is not started: version v9 was retired$"):
        await lifecycle.start("c")
    await register(stack, topics, v9=VersionRecord(1, "me"))
    with pytest.raises(NotChanged, match=r"^c is not started: no worker of v9 is alive$"):
        await lifecycle.start("c")
    assert (await lifecycle.read()).running == ()


@pytest.mark.parametrize(("began", "agrees"), [("earliest", True), ("2026-01-01T00:00:00Z", False)])
async def test_who_is_new_is_asked_only_of_versions_that_agree(
    stack: LocalStack, topics: Topics, lifecycle: Lifecycle, began: str, agrees: bool
) -> None:
    """A version that was begun in the middle of the log has not met whom the other one knows."""
    await lifecycle.create(draft("c", targeting=Targeting(users="new")))
    await register(stack, topics, v1=VersionRecord(1, "me"), v2=VersionRecord(2, "me", began))
    await serve(stack, topics, {"v1": 50, "v2": 50})
    if agrees:
        assert (await lifecycle.start("c")).state == "running"
    else:
        with pytest.raises(NotChanged, match="would not agree on who is new"):
            await lifecycle.start("c")


async def test_no_version_that_knows_others_is_promoted_meanwhile(
    stack: LocalStack, topics: Topics, lifecycle: Lifecycle
) -> None:
    ensure_topics(stack.bootstrap, Topics(topics.namespace, "v2"), 1, replication=1, timeout_s=30)
    await lifecycle.create(draft("c", targeting=Targeting(users="known")))
    await register(stack, topics, v1=VersionRecord(1, "me"), v2=VersionRecord(2, "me", "1767225600000"))
    await serve(stack, topics, {"v1": 100})
    await lifecycle.start("c")
    switching = Switching(stack.bootstrap, stack.redis_url, topics.namespace)
    with pytest.raises(NotSwitched) as refusal:
        await switching.promote("v2", 5, force=False)
    assert any("c asks who is new" in reason for reason in refusal.value.reasons), refusal.value.reasons


def test_versions_that_read_a_log_which_was_cut_know_since_different_times() -> None:
    registry = Registry()
    for name, record in (("v1", VersionRecord(1, "me")), ("v2", VersionRecord(2, "me"))):
        registry.apply(*record.record(name))
    for is_whole, kinds in ((True, 1), (False, 2)):
        assert len({known_since(registry, name, is_whole=is_whole) for name in ("v1", "v2")}) == kinds


async def test_of_two_that_start_at_once_one_is_refused(lifecycle: Lifecycle) -> None:
    await lifecycle.create(draft("a"))
    await lifecycle.create(draft("b"))
    results = await asyncio.gather(lifecycle.start("a"), lifecycle.start("b"), return_exceptions=True)
    assert {type(result) for result in results} == {Experiment, NotChanged}, results


async def test_a_record_that_cannot_be_used_is_passed_over(
    stack: LocalStack, topics: Topics, lifecycle: Lifecycle
) -> None:
    async with Producer(stack.bootstrap) as producer:
        await producer.publish(OutgoingRecord(topics.experiments, b"a", b"nonsense", 0))
    await lifecycle.create(draft("b"))
    assert list((await read_experiments(stack.bootstrap, topics)).by_id) == ["b"]
