"""Creates, starts and stops experiments: the topic first, then Redis, so that what Redis says is always recorded."""

import logging
import time
from collections.abc import Callable

import msgspec

from agents.followers.refusals import read_usable
from agents.versions.registry import read_registry
from ops.exit_codes import CommandFailed
from ops.operator.experiments.fitting_versions import reasons_against_versions
from ops.operator.experiments.spelling import NotAnExperiment
from ops.operator.inspect.running import NotThere
from ops.operator_name import operator_name
from serving.experiments import ExperimentBook, conflicts
from serving.keys import Keys
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter
from streams.contract.experiments import Experiment, problem_of
from streams.kafka.exclusive_change import change_topic
from streams.kafka.topics import Topics

logger = logging.getLogger(__name__)


class NotChanged(CommandFailed):
    """The experiment stays as it is; the message says why."""


async def read_experiments(bootstrap: str, topics: Topics) -> ExperimentBook:
    """The experiments as of now; records that cannot be used are passed over, and said. Raises `TopicMissing`."""
    book = ExperimentBook()
    await read_usable(bootstrap, [topics.experiments], lambda record: book.apply(record.key, record.value))
    return book


def found_in(book: ExperimentBook, experiment_id: str) -> Experiment:
    """An experiment by its id. Raises `NotThere`."""
    if experiment_id not in book.by_id:
        raise NotThere(f"there is no experiment {experiment_id!r}: `freshet experiment list` names them")
    return book.by_id[experiment_id]


class Lifecycle:
    """What the commands need to change experiments of one namespace."""

    def __init__(self, bootstrap: str, redis_url: str, namespace: str) -> None:
        self._bootstrap = bootstrap
        self._redis_url = redis_url
        self._topics = Topics(namespace)

    async def read(self) -> ExperimentBook:
        """The experiments as of now. Raises `TopicMissing`."""
        return await read_experiments(self._bootstrap, self._topics)

    async def create(self, experiment: Experiment) -> Experiment:
        """Records a draft. Raises `NotAnExperiment`, and `NotChanged` when there is one of the name."""
        if problem := problem_of(experiment):
            raise NotAnExperiment(problem)

        def decide(book: ExperimentBook) -> Experiment:
            if experiment.experiment_id in book.by_id:
                raise NotChanged(f"there is an experiment {experiment.experiment_id} already: lists and events name it")
            return _changed(experiment, book, state="draft")

        return await self._change(decide)

    async def start(self, experiment_id: str) -> Experiment:
        """Lets a draft run. Raises `NotThere`, and `NotChanged` when it may not run beside those that do, or a version
        that it needs is none that can serve."""
        bootstrap, namespace = self._bootstrap, self._topics.namespace
        registry = await read_registry(bootstrap, self._topics)
        wanted = found_in(await self.read(), experiment_id)
        unfit = await reasons_against_versions(bootstrap, self._redis_url, namespace, registry, wanted)

        def decide(book: ExperimentBook) -> Experiment:
            found = found_in(book, experiment_id)
            if found.state != "draft":
                raise NotChanged(f"{experiment_id} is {found.state}: an experiment is started once")
            if reasons := [*conflicts(found, book.running), *unfit]:
                raise NotChanged(f"{experiment_id} is not started: {'; '.join(reasons)}")
            return _changed(found, book, state="running", started=True)

        return await self._change(decide)

    async def stop(self, experiment_id: str) -> Experiment:
        """Ends a running one. Raises `NotThere` and `NotChanged`."""

        def decide(book: ExperimentBook) -> Experiment:
            found = found_in(book, experiment_id)
            if found.state != "running":
                raise NotChanged(f"{experiment_id} is {found.state}: only what runs is stopped")
            return _changed(found, book, state="stopped", stopped=True)

        return await self._change(decide)

    async def _change(self, decide: Callable[[ExperimentBook], Experiment]) -> Experiment:
        book, changes = await change_topic(
            self._bootstrap,
            self._topics.experiments,
            lambda: read_experiments(self._bootstrap, self._topics),
            lambda found: [decide(found).record()],
        )
        for key, value in changes:
            book.apply(key, value)
        writer = ListWriter.connect(self._redis_url, Keys(self._topics.namespace))
        try:
            await writer.tell_experiments(book)
        except RedisUnavailable as error:
            logger.warning("recorded; Redis does not answer (%s), a worker will tell it", error)
        finally:
            await writer.close()
        (key, _), *_ = changes
        return book.by_id[key.decode()]


def _changed(
    experiment: Experiment, book: ExperimentBook, *, state: str, started: bool = False, stopped: bool = False
) -> Experiment:
    # Later than every record there is, whatever this machine's clock says: endpoints follow the latest.
    now_ms = max(time.time_ns() // 1_000_000, book.changed_ms + 1)
    changes: dict[str, object] = {"state": state, "changed_ms": now_ms}
    if started:
        changes["started_ms"] = now_ms
    if stopped:
        changes["stopped_ms"] = now_ms
    who = experiment.who or operator_name()
    return msgspec.structs.replace(experiment, who=who, **changes)
