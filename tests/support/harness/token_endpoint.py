"""A token endpoint (OAuth 2.0 client credentials) of a test's own, and the keys by which its tokens are checked."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_SECRET = "a secret: of% clients"
AUDIENCE = "kafka"
_KEY_ID = "of-tests"
LIFE_S = 600


class TokenEndpoint:
    """`url` gives out tokens that say that their holder is the client that asked. `asked` counts them."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.url = ""
        self.asked = 0

    def write_keys(self, file: Path) -> None:
        """Writes the public key as a JWKS."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        file.write_text(json.dumps({"keys": [{**public, "kid": _KEY_ID, "alg": "RS256", "use": "sig"}]}))

    def token(self, client: str) -> str:
        """A signed token of a client."""
        now_s = int(time.time())
        claims = {"sub": client, "aud": AUDIENCE, "iat": now_s, "exp": now_s + LIFE_S, "scope": "kafka"}
        return jwt.encode(claims, self.key, "RS256", headers={"kid": _KEY_ID})

    def answer(self, authorization: str) -> tuple[int, dict[str, object]]:
        """Status and body for what a client sent in `Authorization`."""
        self.asked += 1
        client, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if unquote(secret) != CLIENT_SECRET:
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": self.token(client), "token_type": "Bearer", "expires_in": LIFE_S}


@contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    """Listens on loopback while the body runs."""
    endpoint = TokenEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = endpoint.answer(self.headers["Authorization"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_port}/token"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield endpoint
        server.shutdown()
