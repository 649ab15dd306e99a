"""The command ``credentials``: make what a credential store keeps, and look after it.

A password is typed, or read from the first line of standard input. It is no argument:
those are seen by everybody on the machine.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from getpass import getpass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aiohttp_serverwamp.auth.credentials import (
    CREDENTIALS,
    AutobahnSCRAMCredential,
    CRACredential,
    Credential,
    CryptosignCredential,
    SCRAMCredential,
    TicketCredential,
    record_of,
)
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.kdf import ARGON2ID, ARGON2ID_DEFAULT, KDF, PBKDF2
from aiohttp_serverwamp.auth.sqlite_credentials import SQLiteCredentials
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["add_to"]

#: What OWASP's password storage cheat sheet asks of PBKDF2-HMAC-SHA256; clients have to
#: do it, so WAMP-CRA's default, which browsers compute in JavaScript, is lower.
_PBKDF2_ITERATIONS: Final = 600_000
_CRA_ITERATIONS: Final = 100_000


def add_to(commands: Any) -> None:
    """Add the command to those of ``python -m aiohttp_serverwamp``."""
    parser: ArgumentParser = commands.add_parser(
        "credentials", help="make what a credential store keeps, and look after it"
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    derive = actions.add_parser("derive", help="print a credential as a line of JSON")
    _describe_credential(derive)
    derive.set_defaults(run=_reporting(_derive))
    add = actions.add_parser("add", help="keep a credential in an SQLite store")
    _describe_store(add)
    _describe_credential(add)
    add.set_defaults(run=_reporting(_add))
    show = actions.add_parser("list", help="say who is in an SQLite store, and how")
    _describe_store(show)
    show.set_defaults(run=_reporting(_list))
    remove = actions.add_parser("remove", help="forget who is in an SQLite store")
    _describe_store(remove)
    remove.add_argument("--authid", required=True)
    remove.add_argument("--method", choices=[*CREDENTIALS], help="all by default")
    remove.set_defaults(run=_reporting(_remove))


def _describe_store(parser: ArgumentParser) -> None:
    parser.add_argument("store", help="the SQLite file")


def _describe_credential(parser: ArgumentParser) -> None:
    parser.add_argument("--method", choices=[*CREDENTIALS], required=True)
    parser.add_argument("--authid", required=True)
    parser.add_argument(
        "--role", default="user", help="the authrole; 'user' by default"
    )
    parser.add_argument("--realm", help="the realm to join, whichever is asked for")
    parser.add_argument("--kdf", choices=[ARGON2ID, PBKDF2], default=ARGON2ID)
    parser.add_argument("--iterations", type=int, help="the cost of the KDF")
    parser.add_argument("--memory", type=int, help="KiB, of argon2id13")
    parser.add_argument(
        "--public-key",
        help="cryptosign: 64 hexadecimal digits; without it the private key is asked "
        "for, of which the public one is kept",
    )


# --- What is done ---------------------------------------------------------------------


def _derive(given: Namespace) -> None:
    _say(msgspec.json.encode(record_of(_credential(given))).decode())


def _add(given: Namespace) -> None:
    credential = _credential(given)
    SQLiteCredentials(given.store).add(credential)
    _say(f"added {_described(credential)}")


def _list(given: Namespace) -> None:
    for credential in SQLiteCredentials(given.store).credentials():
        _say(_described(credential))


def _remove(given: Namespace) -> None:
    removed = SQLiteCredentials(given.store).remove(given.authid, given.method)
    if not removed:
        raise ConfigurationError("nothing to remove: see 'credentials list'")
    _say(f"removed {removed}")


def _described(credential: Credential) -> str:
    identity = credential.identity
    parts = [identity.authid, credential.authmethod, f"role {identity.authrole}"]
    if identity.realm is not None:
        parts.append(f"realm {identity.realm}")
    if isinstance(credential, CryptosignCredential):
        parts.append(credential.public_key)
    return "  ".join(parts)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _reporting(action: Callable[[Namespace], None]) -> Callable[[Namespace], int]:
    """Let what goes wrong be one line, and an exit status."""

    def run(given: Namespace) -> int:
        try:
            action(given)
        except (ConfigurationError, ValueError, sqlite3.Error, OSError) as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
        return 0

    return run


# --- What is made ---------------------------------------------------------------------


def _credential(given: Namespace) -> Credential:
    identity = Identity(given.authid, given.role, realm=given.realm)
    if given.method == CryptosignCredential.authmethod:
        return CryptosignCredential(identity, given.public_key or _public_key())
    if given.method == CRACredential.authmethod:
        iterations = given.iterations or _CRA_ITERATIONS
        return CRACredential.derive(identity, _secret(), iterations=iterations)
    kdf = _kdf(given)
    if given.method == TicketCredential.authmethod:
        return TicketCredential.derive(identity, _secret("Ticket"), kdf=kdf)
    if given.method == SCRAMCredential.authmethod:
        return SCRAMCredential.derive(identity, _secret(), kdf=kdf)
    return AutobahnSCRAMCredential.derive(identity, _secret(), kdf=kdf)


def _kdf(given: Namespace) -> KDF:
    if given.kdf == PBKDF2:
        return KDF(PBKDF2, given.iterations or _PBKDF2_ITERATIONS, given.memory)
    cost = ARGON2ID_DEFAULT
    return KDF(
        ARGON2ID, given.iterations or cost.iterations, given.memory or cost.memory
    )


def _public_key() -> str:
    raw = bytes.fromhex(_secret("Private key"))
    key = Ed25519PrivateKey.from_private_bytes(raw).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _secret(what: str = "Password") -> str:
    if sys.stdin.isatty():
        secret = getpass(f"{what}: ")
        if getpass(f"{what} again: ") != secret:
            raise ConfigurationError("these are not the same")
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise ConfigurationError(f"no {what.lower()} was given")
    return secret
