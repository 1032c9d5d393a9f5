"""Faust's own recovery of one table, as its documentation sets it up; prints one JSON line when it is complete.

Environment: APP_ID, BROKER, PARTITIONS. The table's changelog APP_ID-rows-changelog is filled beforehand.
"""

import json
import os
import time

import faust

app = faust.App(
    os.environ["APP_ID"],
    broker=os.environ["BROKER"],
    topic_partitions=int(os.environ["PARTITIONS"]),
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
    topic_disable_leader=True,
    store="memory://",
    broker_session_timeout=6,
    broker_heartbeat_interval=1,
)
source = app.topic(f"{os.environ['APP_ID']}-input", key_type=str, value_type=str)
rows = app.Table("rows", key_type=str, value_type=str, default=str)
started = {"wall": 0.0, "cpu": 0.0}


@app.agent(source)
async def read(stream):
    async for key, value in stream.items():
        rows[key] = value


@app.on_partitions_assigned.connect
async def begin(app, assigned, **kwargs):
    started["wall"], started["cpu"] = time.perf_counter(), time.process_time()


@app.on_rebalance_complete.connect
async def complete(app, **kwargs):
    if rows.data is not None and len(rows):
        figures = {
            "keys": len(rows),
            "cpu_s": time.process_time() - started["cpu"],
            "wall_s": time.perf_counter() - started["wall"],
        }
        print(json.dumps(figures), flush=True)
        os._exit(0)


if __name__ == "__main__":
    app.main()
