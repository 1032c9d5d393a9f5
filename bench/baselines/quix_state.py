"""quixstreams with the core of our state, exactly once: a row per user (how many events, the last 100 items) and, by way of
a topic keyed by item, counts of items in windows of 15 minutes, both in RocksDB with changelogs.

Reads TOPIC (JSON events, key user_id) from BROKER, stops once EVENTS events are counted, and prints one JSON line.
"""
import json
import os
import time
from datetime import timedelta

from quixstreams import Application

EVENTS = int(os.environ["EVENTS"])
KEPT = 100
clock = {"counted": 0, "wall": 0.0, "cpu": 0.0}


def with_event(event, state):
    if not clock["wall"]:
        clock["wall"], clock["cpu"] = time.perf_counter(), time.process_time()
    row = state.get("row") or {"events": 0, "items": []}
    row["events"] += 1
    row["items"] = [*row["items"], event["item_id"]][-KEPT:]
    state.set("row", row)
    return event


def counted(_event):
    clock["counted"] += 1
    if clock["counted"] >= EVENTS:
        application.stop()


application = Application(
    broker_address=os.environ["BROKER"],
    consumer_group=os.environ["APP_ID"],
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once",
    commit_interval=int(os.environ["COMMIT_MS"]) / 1000,
    state_dir=os.environ["STATE_DIR"],
    loglevel="WARNING",
)
topic = application.topic(
    os.environ["TOPIC"],
    value_deserializer="json",
    timestamp_extractor=lambda value, _headers, _timestamp, _type: value["timestamp"],
)
users = application.dataframe(topic).apply(with_event, stateful=True)
items = users.group_by("item_id").update(counted)
items.tumbling_window(timedelta(minutes=15), grace_ms=timedelta(hours=24)).count().current()
application.run()
wall, cpu = time.perf_counter() - clock["wall"], time.process_time() - clock["cpu"]
print(json.dumps({"events_per_s": EVENTS / wall, "events_per_cpu_s": EVENTS / cpu}), flush=True)
