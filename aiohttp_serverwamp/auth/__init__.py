"""Authentication: one authmethod a module, each a small sans-I/O class."""

from __future__ import annotations

from aiohttp_serverwamp.auth.anonymous import Anonymous
from aiohttp_serverwamp.auth.authenticator import Attempt, Authenticator, SecondFactor
from aiohttp_serverwamp.auth.credentials import (
    AutobahnSCRAMCredential,
    CRACredential,
    Credential,
    CryptosignCredential,
    SCRAMCredential,
    TicketCredential,
)
from aiohttp_serverwamp.auth.cryptosign import Cryptosign
from aiohttp_serverwamp.auth.kdf import KDF
from aiohttp_serverwamp.auth.scram import SCRAM, AutobahnSCRAM
from aiohttp_serverwamp.auth.sqlite_credentials import SQLiteCredentials
from aiohttp_serverwamp.auth.static_credentials import StaticCredentials
from aiohttp_serverwamp.auth.ticket import Ticket
from aiohttp_serverwamp.auth.wampcra import WAMPCRA

__all__ = [
    "KDF",
    "SCRAM",
    "WAMPCRA",
    "Anonymous",
    "Attempt",
    "Authenticator",
    "AutobahnSCRAM",
    "AutobahnSCRAMCredential",
    "CRACredential",
    "Credential",
    "Cryptosign",
    "CryptosignCredential",
    "SCRAMCredential",
    "SQLiteCredentials",
    "SecondFactor",
    "StaticCredentials",
    "Ticket",
    "TicketCredential",
]
