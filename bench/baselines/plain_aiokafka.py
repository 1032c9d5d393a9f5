"""The most that Python can do here: aiokafka fetches batches, orjson decodes each event, offsets are committed once a second.

Reads TOPIC from BROKER, keeps nothing, stops after EVENTS events, and prints one JSON line.
"""
import asyncio
import json
import os
import time

import orjson
from aiokafka import AIOKafkaConsumer

EVENTS = int(os.environ["EVENTS"])


async def main():
    consumer = AIOKafkaConsumer(
        os.environ["TOPIC"],
        bootstrap_servers=os.environ["BROKER"],
        group_id=os.environ["APP_ID"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    decoded, wall, cpu, committed = 0, time.perf_counter(), time.process_time(), 0.0
    while decoded < EVENTS:
        batches = await consumer.getmany(timeout_ms=1000)
        for records in batches.values():
            for record in records:
                orjson.loads(record.value)
            decoded += len(records)
        if time.perf_counter() - committed >= int(os.environ["COMMIT_MS"]) / 1000:
            await consumer.commit()
            committed = time.perf_counter()
    await consumer.commit()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    await consumer.stop()
    print(json.dumps({"events_per_s": EVENTS / wall, "events_per_cpu_s": EVENTS / cpu}), flush=True)


asyncio.run(main())
