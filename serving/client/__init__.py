"""A typed client of the endpoint and of collect, for programs in Python. Needs httpx: `pip install 'freshet[client]'`.

    with Client("http://127.0.0.1:8080", "http://127.0.0.1:8081") as freshet:
        page = freshet.homepage(user_id="u17")
        freshet.events([{"event_type": "play", "user_id": "u17", "item_id": "m42", "timestamp": now_ms}])

`AsyncClient` is the same to be awaited. Methods and types are generated from the OpenAPI documents (`make docs`), and
so is the client in TypeScript, serving/client/typescript/freshet.ts.
"""

from serving.client.answers import *  # noqa: F403  every type of an answer, as the documents name them
from serving.client.client import AsyncClient, Client
from serving.client.errors import FreshetError, NotConfirmed, RequestRefused

__all__ = ["AsyncClient", "Client", "FreshetError", "NotConfirmed", "RequestRefused"]
