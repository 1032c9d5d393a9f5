"""Looks for what is left of a user, knowing nothing of how Freshet stores, searches or forgets: bytes, and what they
might be an encoding or a hash of the id."""

import base64
import bz2
import gzip
import hashlib
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from redis import Redis

from streams.contract.partitioning import murmur2


def traces_of(user: str) -> dict[str, bytes]:
    """Byte strings by what they are, each of which gives the user away where it occurs."""
    raw = user.encode()
    escaped = "".join(f"\\u{unit:04x}" for unit in _units(user))
    traces = {
        "UTF-8": raw,
        "Latin-1": user.encode("latin-1", "ignore"),
        "UTF-16 LE": user.encode("utf-16-le"),
        "UTF-16 BE": user.encode("utf-16-be"),
        "UTF-32": user.encode("utf-32-le"),
        "JSON escapes": escaped.encode(),
        "JSON escapes, upper case": escaped.upper().replace("\\U", "\\u").encode(),
        "JSON, ASCII": "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in user).encode(),
        "percent": quote(user, safe="").encode(),
        "hex": raw.hex().encode(),
        "hex, upper case": raw.hex().upper().encode(),
    }
    for shift in range(3):
        for name, encode in (("", base64.b64encode), (", for addresses", base64.urlsafe_b64encode)):
            encoded = encode(b"\0" * shift + raw)[(4 * shift + 2) // 3 + 1 * bool(shift) :]
            traces[f"Base64 at {shift}{name}"] = encoded.rstrip(b"=")[:-2]
    traces |= dict(_hashes(raw))
    return {name: trace for name, trace in traces.items() if len(trace) >= 4}


def _units(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[place : place + 2]) for place in range(0, len(data), 2)]


def _hashes(raw: bytes) -> Iterator[tuple[str, bytes]]:
    digests = {
        name: hashlib.new(name, raw).digest() for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
    }
    for size in (4, 8, 16, 20, 32, 64):
        digests[f"blake2b/{size}"] = hashlib.blake2b(raw, digest_size=size).digest()
        digests[f"blake2b/{size} of viewers"] = hashlib.blake2b(raw, digest_size=size, person=b"viewer").digest()
    digests["blake2s"] = hashlib.blake2s(raw).digest()
    for name, number in (("crc32", zlib.crc32(raw)), ("adler32", zlib.adler32(raw)), ("murmur2", murmur2(raw))):
        digests[name] = (number & 0xFFFFFFFF).to_bytes(4, "big")
    for name, digest in digests.items():
        yield name, digest
        yield f"{name}, reversed", digest[::-1]
        if len(digest) >= 8:
            yield f"{name}, its first 8 bytes", digest[:8]
            yield f"{name} in hex", digest.hex().encode()
            yield f"{name} in Base64", base64.b64encode(digest).rstrip(b"=")[:-1]
            yield f"{name} in Base64 for addresses", base64.urlsafe_b64encode(digest).rstrip(b"=")[:-1]


class Remains:
    """What was found: (place, trace) -> how often."""

    def __init__(self, user: str) -> None:
        self._traces = traces_of(user)
        self.found: dict[tuple[str, str], int] = {}
        self.bytes = 0

    def look(self, place: str, *data: bytes | None) -> None:
        """Looks into bytes, and into what they are when they are unpacked."""
        for each in filter(None, data):
            for form in (each, *_unpacked(each)):
                self.bytes += len(form)
                for name, trace in self._traces.items():
                    if trace in form:
                        self.found[place, name] = self.found.get((place, name), 0) + 1

    @property
    def places(self) -> set[str]:
        """Where anything was found."""
        return {place for place, _ in self.found}


def _unpacked(data: bytes) -> Iterator[bytes]:
    for unpack in (gzip.decompress, zlib.decompress, bz2.decompress, lzma.decompress):
        try:
            yield unpack(data)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
            continue


async def scan_topics(bootstrap: str, prefix: str, compacted: set[str], remains: Remains) -> set[str]:
    """Every record of every topic whose name starts so; of the compacted ones what a compaction leaves. Returns the
    topics."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        topics = {name for name in await consumer.topics() if name.startswith(prefix)}
        for topic in topics:
            await consumer._client.add_topic(topic)
            await _scan(consumer, topic, topic in compacted, remains)
        return topics
    finally:
        await consumer.stop()


async def _scan(consumer: AIOKafkaConsumer, topic: str, is_compacted: bool, remains: Remains) -> None:
    kept: dict[tuple[int, object], tuple[bytes | None, ...]] = {}
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    ends = await consumer.end_offsets(partitions)
    while pending := [tp for tp in partitions if await consumer.position(tp) < ends[tp]]:
        for records in (await consumer.getmany(*pending, timeout_ms=200)).values():
            for record in records:
                headers = [part for name, value in record.headers for part in (name.encode(), value)]
                place = record.partition, record.key if is_compacted else record.offset
                kept[place] = (record.key, record.value, *headers)
    for parts in kept.values():
        if not is_compacted or parts[1] is not None:  # else compaction takes the key along
            remains.look(topic, *parts)


def scan_redis(redis: Redis, remains: Remains) -> int:
    """Every key and value of the database; returns their number."""
    names = redis.keys()
    for name in names:
        kind = redis.type(name)
        if kind == b"string":
            values = [redis.get(name)]
        elif kind == b"zset":
            values = [member for member, _ in redis.zrange(name, 0, -1, withscores=True)]
        elif kind == b"hash":
            values = [part for pair in redis.hgetall(name).items() for part in pair]
        else:
            assert kind == b"set", kind
            values = list(redis.smembers(name))
        remains.look("redis", name, *values)
    return len(names)


def scan_files(folder: Path, remains: Remains) -> int:
    """Every file, by its bytes and, where it is Parquet, by every value and its metadata; returns their number."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        place = str(path.relative_to(folder).parts[0])
        remains.look(place, path.read_bytes(), path.name.encode())
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
            metadata = pyarrow.parquet.read_metadata(path).metadata or {}
            for part in (*metadata.keys(), *metadata.values()):
                remains.look(place, part, base64.b64decode(part + b"==") if len(part) % 4 == 0 else None)
            for row in table.to_pylist():
                remains.look(place, *_leaves(row))
    return len(files)


def _leaves(node: object) -> Iterator[bytes]:
    if isinstance(node, dict):
        for name, child in node.items():
            yield str(name).encode()
            yield from _leaves(child)
    elif isinstance(node, list):
        for child in node:
            yield from _leaves(child)
    elif isinstance(node, bytes):
        yield node
    elif node is not None:
        yield str(node).encode()
