"""The event service that most people would write, which `freshet collect` is measured against. Benchmarks run it unchanged.

Run: uvicorn naive_collect:app --workers 1 --no-access-log (KAFKA, TOPIC in the environment).
"""
import json
import os
from contextlib import asynccontextmanager
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.producer = AIOKafkaProducer(
        bootstrap_servers=os.environ["KAFKA"], acks="all", enable_idempotence=True
    )
    await app.state.producer.start()
    yield
    await app.state.producer.stop()


app = FastAPI(lifespan=lifespan)


class Event(BaseModel):
    model_config = ConfigDict(extra="allow")

    event_type: str
    user_id: str
    item_id: str
    timestamp: int
    event_id: str | None = None
    device_type: str | None = None
    session_id: str | None = None
    completion_pct: float | None = None


class Accepted(BaseModel):
    event_id: str


@app.get("/readyz")
async def ready():
    return {"status": "ready"}


@app.post("/api/v1/events", status_code=202, response_model=Accepted)
async def events(event: Event):
    if event.event_id is None:
        event.event_id = str(uuid4())
    value = json.dumps(event.model_dump(exclude_none=True)).encode()
    await app.state.producer.send_and_wait(os.environ["TOPIC"], value, key=event.user_id.encode())
    return Accepted(event_id=event.event_id)
