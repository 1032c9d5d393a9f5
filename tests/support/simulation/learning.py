"""Examples for the ranker, and the weights that an undisturbed learner makes of them: each example once, in order."""

from collections.abc import Collection
from unittest.mock import patch

import numpy as np
from aiokafka.structs import TopicPartition

from agents.training.ranker import EXAMPLES_PARTITION, RANKER_KEY, ROUND_KEY
from ranking import features
from ranking.examples import Example, decode, encode
from ranking.learner import Learner
from simulation.kafka import Kafka

CANDIDATES = 3
#: Examples a round, instead of hundreds: some schedules end within one.
ROUND = 3
COMMIT_S = 0.3


def example(number: int) -> bytes:
    """One record of the examples' topic, the same for the same number."""
    matrix = np.random.default_rng(number).random((CANDIDATES, features.COUNT)).astype(np.float32)
    return encode(Example(1 + number % 3, number % 4 != 0, matrix))


def learned(kafka: Kafka, topic: str, without: Collection[int]) -> dict[bytes, bytes]:
    """The rows after all examples of the log but those at the offsets `without`."""
    learner, rows = Learner.start(), dict[bytes, bytes]()
    with patch("ranking.learner.ROUND", ROUND):
        for record in kafka.logs[TopicPartition(topic, EXAMPLES_PARTITION)].read(0, 1 << 30)[0]:
            if record.offset not in without and learner.learn(decode(record.value)):
                rows[RANKER_KEY] = learner.to_row()
    if (so_far := learner.round_row()) is not None:
        rows[ROUND_KEY] = so_far
    return rows
