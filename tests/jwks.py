"""Keys for JSON Web Tokens, and a server that publishes some of them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

SECRET = b"a secret of thirty-two bytes ..."


@cache
def private_key(kind: str) -> Any:
    """Make a key of one kind, once for all tests."""
    if kind == "RS":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "weak RS":
        return rsa.generate_private_key(public_exponent=65537, key_size=1024)
    if kind == "ES":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def public_pem(kind: str) -> str:
    key = private_key(kind).public_key()
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def private_pem(kind: str) -> str:
    pem: bytes = private_key(kind).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    return pem.decode()


def token(
    key: Any = SECRET,
    algorithm: str = "HS256",
    *,
    kid: str | None = None,
    **claims: Any,
) -> str:
    """Sign a token that lasts a minute; claims that are None are left out."""
    body = {"sub": "ann", "exp": time.time() + 60, **claims}
    headers = None if kid is None else {"kid": kid}
    said = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(said, key, algorithm, headers)


class JWKSServer:
    """Publishes the keys that are in `kinds`, by key id, and counts who asks."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self.requests = 0
        self.status = 200
        #: What the next answers wait for.
        self.open = threading.Event()
        self.open.set()
        self.url = ""

    def document(self) -> bytes:
        keys = []
        for kid, kind in self.kinds.items():
            algorithm = "ES256" if kind == "ES" else "RS256"
            made: Any = jwt.get_algorithm_by_name(algorithm)
            jwk = json.loads(made.to_jwk(private_key(kind).public_key()))
            keys.append({**jwk, "kid": kid, "use": "sig"})
        return json.dumps({"keys": keys}).encode()


@contextmanager
def jwks_server(**kinds: str) -> Iterator[JWKSServer]:
    """Serve keys of these kinds at ``http://127.0.0.1``."""
    published = JWKSServer()
    published.kinds.update(kinds)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            published.requests += 1
            published.open.wait(10)
            body = published.document()
            self.send_response(published.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    published.url = f"http://127.0.0.1:{server.server_port}/keys?api=hidden"
    try:
        yield published
    finally:
        published.open.set()
        server.shutdown()
        server.server_close()
        thread.join()
