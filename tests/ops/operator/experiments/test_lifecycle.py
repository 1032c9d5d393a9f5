"""Create, start, stop over a real Kafka and Valkey: the topic holds the truth, Redis a copy that never goes back."""

import asyncio

import pytest
from made_up_experiments import QUIET, running, treated

from ops.local_stack.stack import LocalStack
from ops.operator.experiments.lifecycle import Lifecycle, NotChanged, read_experiments
from ops.operator.experiments.spelling import NotAnExperiment
from ops.operator.inspect.running import NotThere
from serving.experiments import ExperimentBook
from serving.keys import Keys
from serving.redis_writer import ListWriter
from streams.contract.experiments import Experiment, Variant
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
    with pytest.raises(NotChanged, match="no such version"):
        await lifecycle.start("c")


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
