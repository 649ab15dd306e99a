"""What clients answer to challenges, with nothing of the package (specification, 7)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def sha256_hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def cra_answer(password: str, extra: Mapping[str, Any]) -> str:
    """Sign a WAMP-CRA challenge."""
    key = password.encode()
    if "salt" in extra:
        salt, iterations = extra["salt"].encode(), extra["iterations"]
        derived = hashlib.pbkdf2_hmac("sha256", key, salt, iterations, extra["keylen"])
        key = base64.b64encode(derived)
    return b64(sha256_hmac(key, extra["challenge"].encode()))


def key_answer(seed: str, extra: Mapping[str, Any], channel: bytes = bytes(32)) -> str:
    """Sign a cryptosign challenge."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    message = xor(bytes.fromhex(extra["challenge"]), channel)
    return (key.sign(message) + message).hex()


class SCRAMClient:
    """One attempt of a client that knows a name and a password."""

    def __init__(
        self,
        authid: str,
        password: str,
        *,
        nonce: str | None = None,
        binding: str | None = None,
        channel: bytes = b"",
        like_autobahn: bool = False,
    ) -> None:
        self.authid = authid
        self.password = password
        self.nonce = nonce or b64(secrets.token_bytes(16))
        self.binding = binding
        self.channel = channel
        self.like_autobahn = like_autobahn
        self._salted = self._message = b""

    @property
    def method(self) -> str:
        return "scram" if self.like_autobahn else "wamp-scram"

    @property
    def authextra(self) -> dict[str, Any]:
        return {"nonce": self.nonce, "channel_binding": self.binding}

    @property
    def hello(self) -> dict[str, Any]:
        return {
            "authid": self.authid,
            "authmethods": [self.method],
            "authextra": self.authextra,
        }

    def answer(self, extra: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return signature and extra of AUTHENTICATE."""
        nonce = extra["nonce"]
        assert nonce.startswith(self.nonce), "the server's goes on where ours ends"
        self._salted = self._salted_password(extra)
        name, channel = self.authid, ""
        if not self.like_autobahn:
            name = name.replace("=", "=3D").replace(",", "=2C")
            flag = f"p={self.binding}" if self.binding else "n"
            channel = b64(f"{flag},,".encode() + self.channel)
        self._message = (
            f"n={name},r={self.nonce},"
            f"r={nonce},s={extra['salt']},i={extra['iterations']},"
            f"c={channel},r={nonce}"
        ).encode()
        key = sha256_hmac(self._salted, b"Client Key")
        signature = sha256_hmac(hashlib.sha256(key).digest(), self._message)
        data = b64(self.channel) if self.binding else None
        told = {"nonce": nonce, "channel_binding": self.binding, "cbind_data": data}
        return b64(xor(key, signature)), {} if self.like_autobahn else told

    def trusts(self, authextra: Mapping[str, Any]) -> bool:
        """Tell whether WELCOME comes from who knows the password as well."""
        name = "scram_server_signature" if self.like_autobahn else "verifier"
        server_key = sha256_hmac(self._salted, b"Server Key")
        return bool(authextra[name] == b64(sha256_hmac(server_key, self._message)))

    def _salted_password(self, extra: Mapping[str, Any]) -> bytes:
        salt, iterations = base64.b64decode(extra["salt"]), extra["iterations"]
        password = self.password.encode()
        if extra["kdf"] == "pbkdf2":
            assert extra["memory"] is None
            return hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
        kdf = "argon2id-13" if self.like_autobahn else "argon2id13"
        assert extra["kdf"] == kdf
        cost = {"iterations": iterations, "memory_cost": extra["memory"]}
        argon = Argon2id(salt=salt, length=32, lanes=1, **cost)
        hashed = argon.derive(password)
        return base64.b64encode(hashed).rstrip(b"=") if self.like_autobahn else hashed
