"""Tokens for OAUTHBEARER: the client credentials grant (RFC 6749, section 4.4), asked for again before one ends."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from aiokafka.errors import KafkaError

TIMEOUT_S: Final = 10.0
#: A token is used until a tenth of its life is left, and one of unknown life for so long.
_LEFT: Final = 0.1
_UNKNOWN_LIFE_S: Final = 60.0
_MAX_ANSWER_BYTES: Final = 1 << 20


class NoToken(KafkaError):  # type: ignore[misc]  # aiokafka has no types; its clients take one for a lost connection
    """No token was given out. `refused` when the server was there and said no, which no waiting mends."""

    def __init__(self, sentence: str, *, refused: bool) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.refused = refused

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Who asks for tokens, and where. The server's certificate is always checked, by `ca_file` too if there is one."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    ca_file: Path | None = None


class TokenSource:
    """One token at a time, for all clients of a process. Thread-safe."""

    def __init__(self, client: OAuthClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._token = ""
        self._until_s = 0.0  # of time.monotonic()

    @property
    def client_id(self) -> str:
        """Who asks."""
        return self._client.client_id

    def token(self) -> str:
        """A token that is in force; waits for the server when there is none yet. Raises `NoToken`."""
        with self._lock:
            if time.monotonic() >= self._until_s:
                asked_s = time.monotonic()
                self._token, life_s = _ask(self._client)
                self._until_s = asked_s + life_s * (1 - _LEFT)
            return self._token


def _ask(client: OAuthClient) -> tuple[str, float]:
    """A new token and its life in seconds."""
    form = {"grant_type": "client_credentials"} | ({"scope": client.scope} if client.scope else {})
    named = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
    headers = {
        "Authorization": f"Basic {base64.b64encode(named.encode()).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    request = Request(client.token_url, urlencode(form).encode(), headers)
    try:
        with urlopen(request, timeout=TIMEOUT_S, context=_tls(client)) as answer:
            found = json.loads(answer.read(_MAX_ANSWER_BYTES))
        return str(found["access_token"]), float(found.get("expires_in", _UNKNOWN_LIFE_S))
    except HTTPError as refusal:
        raise NoToken(
            f"{client.token_url} answers {refusal.code} {refusal.reason}", refused=refusal.code < 500
        ) from None
    except URLError as failure:
        refused = isinstance(failure.reason, ssl.SSLError)
        raise NoToken(f"{client.token_url} cannot be asked: {failure.reason}", refused=refused) from None
    except OSError as failure:
        raise NoToken(f"{client.token_url} cannot be asked: {failure}", refused=False) from None
    except (ValueError, KeyError, TypeError) as failure:
        raise NoToken(f"{client.token_url} answers without an access token ({failure!r})", refused=True) from None


def _tls(client: OAuthClient) -> ssl.SSLContext | None:
    if not client.token_url.startswith("https:"):
        return None
    context = ssl.create_default_context()
    if client.ca_file is not None:
        context.load_verify_locations(client.ca_file)
    return context
