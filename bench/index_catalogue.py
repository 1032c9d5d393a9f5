"""A made-up catalogue whose vectors lie as learned ones do, and users who ask it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GENRES, TOPICS, TOPICS_OF_INTEREST, HISTORY = 20, 400, 3, 20
RECENCY = 0.9


def item_vectors(count: int, dim: int, generator: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """(float32[count, dim], topic of each item).

    Topics lie around genres and items around topics; few directions carry most of the variance, as in any
    factorisation; lengths differ as popularity does.
    """
    spectrum = (np.arange(1, dim + 1) ** -0.35).astype(np.float32)
    genres = generator.standard_normal((GENRES, dim), np.float32)
    topics = genres[np.arange(TOPICS) % GENRES] + 0.8 * generator.standard_normal((TOPICS, dim), np.float32)
    topic_of = generator.integers(0, TOPICS, count)
    vectors = generator.standard_normal((count, dim), np.float32)
    vectors *= np.float32(0.7)
    vectors += topics[topic_of]
    vectors *= spectrum
    vectors *= generator.lognormal(0, 0.3, (count, 1)).astype(np.float32)
    return vectors, topic_of


def user_embeddings(
    vectors: NDArray[np.float32], topic_of: NDArray[np.intp], count: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """float32[count, dim]: recency-weighted sums of what users with a few favourite topics met."""
    weights = (RECENCY ** np.arange(HISTORY)).astype(np.float32)
    users = np.empty((count, vectors.shape[1]), np.float32)
    for user in range(count):
        favourite = np.flatnonzero(np.isin(topic_of, generator.integers(0, TOPICS, TOPICS_OF_INTEREST)))
        users[user] = weights @ vectors[generator.choice(favourite, HISTORY)]
    return users
