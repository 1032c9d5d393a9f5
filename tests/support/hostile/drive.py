"""Feeds hostile batches into a `Machine`, by seed, and says how many records went through which door."""

import random
from collections import Counter

from hostile.generator import NOW_MS, Hostile
from hostile.machine import Machine
from hostile.raw_batches import PACKERS, batch, body_of, packed_batch
from streams.kafka.unpacking import GZIP, LZ4, NONE, SNAPPY, ZSTD

#: How often each door gets a batch.
INGRESSES = {
    "interactions": 50,
    "catalog": 12,
    "profiles": 8,
    "erasure": 3,
    "controls": 3,
    "experiments": 3,
    "versions": 3,
    "deltas": 6,
    "ranker_examples": 3,
    "item_model": 4,
    "ranker_weights": 3,
    "links": 4,
    "guest_parts": 3,
    "rules": 3,
}
CODECS = (NONE, GZIP, SNAPPY, LZ4, ZSTD)
MOST_IN_A_BATCH = 200
#: CreateTime topics keep whatever a producer writes; the log of interactions has the broker's own time.
TIMES = (0, -1, 2**62, -(2**62), 1, NOW_MS)
#: Batches between two commits, and commits between two rounds of lists.
COMMIT_EVERY, LISTS_EVERY = 20, 5
LISTED_USERS = 10


def drive(machine: Machine, seed: int, records: int) -> Counter[str]:
    """Returns when so many records are taken. Whatever raises here would have ended a worker."""
    chance = random.Random(seed)
    hostile = Hostile(seed, machine.samples)
    sent: Counter[str] = Counter()
    batches = commits = 0
    while sent.total() < records:
        (ingress,) = chance.choices(list(INGRESSES), list(INGRESSES.values()))
        count = chance.randrange(1, MOST_IN_A_BATCH)
        made = _batch(machine, hostile, chance, ingress, count)
        machine.take(ingress, made, count)
        sent[ingress] += count
        batches += 1
        if batches % COMMIT_EVERY == 0:
            machine.commit()
            commits += 1
            if commits % LISTS_EVERY == 0:
                sent["(lists made)"] += machine.make_lists(_now_ms(sent), LISTED_USERS)
    machine.commit()
    return sent


def _now_ms(sent: Counter[str]) -> int:
    return NOW_MS + sent["interactions"] * 20


def _batch(machine: Machine, hostile: Hostile, chance: random.Random, ingress: str, count: int) -> bytes:
    records = [hostile.record(ingress) for _ in range(count)]
    codec, base = chance.choice(CODECS), machine.offsets[ingress]
    time_ms = _now_ms(Counter(machine.offsets)) if ingress == "interactions" else chance.choice(TIMES)
    if chance.random() > 0.03:
        return batch(records, codec, time_ms, base)
    body = bytearray(PACKERS[codec](body_of(records)))  # a batch that is not what it says
    place = chance.randrange(len(body) or 1)
    damage = chance.randrange(3)
    if damage == 0 and body:
        body[place] ^= 1 << chance.randrange(8)
    elif damage == 1:
        del body[place:]
    else:
        codec = chance.choice((*CODECS, 5, 7))
    return packed_batch(bytes(body), codec, count, time_ms, base)
