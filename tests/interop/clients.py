"""Which clients play, over which serializers, and what they cannot do.

A new client is a driver, a line in DRIVERS and its lines in LACKS.
"""

from __future__ import annotations

import sys
from itertools import cycle, permutations, product
from pathlib import Path

import pytest

from tests.interop.remote_client import ClientError

JS = Path(__file__).parent / "js"
#: The command that starts the driver of each client.
DRIVERS = {
    "autobahn_python": [sys.executable, "-m", "tests.interop.python.autobahn_client"],
    "xconn": [sys.executable, "-m", "tests.interop.python.xconn_client"],
    "autobahn_js": ["node", str(JS / "autobahn_client.mjs")],
    "wampy": ["node", str(JS / "wampy_client.mjs")],
}
SERIALIZERS = ("json", "msgpack", "cbor")
#: Of a callee and of a caller that use different ones.
ACROSS = [("json", "msgpack"), ("msgpack", "cbor"), ("cbor", "json")]

NAMES = list(DRIVERS)

#: What a client cannot do, and why. A test that needs it is run all the same and has to
#: fail: the day it passes, with a newer client, the line must go.
LACKS = {
    ("xconn", "progress as a caller"): "takes the first RESULT for the last one",
    ("xconn", "progress as a callee"): "gives its procedures no way to send any",
    ("xconn", "cancelling"): "cannot send CANCEL",
    ("xconn", "error keywords"): "sends an error without its keyword arguments",
    ("xconn", "interruption"): "does not know INTERRUPT",
    ("autobahn_js", "interruption"): "does not know INTERRUPT",
    ("wampy", "interruption"): "does not know INTERRUPT",
    ("xconn", "sending chunks"): "sends one CALL for each call",
    ("autobahn_python", "sending chunks"): "sends one CALL for each call",
    ("autobahn_js", "sending chunks"): "sends one CALL for each call",
    ("autobahn_python", "taking chunks"): "fails its connection on a second INVOCATION",
    ("autobahn_js", "taking chunks"): "takes each for a call, and hides which is last",
    ("xconn", "cancel modes"): "cannot send CANCEL",
    ("autobahn_python", "cancel modes"): "sends CANCEL without a mode",
    ("autobahn_js", "cancel modes"): "fails its connection on the answer, but for kill",
    ("autobahn_python", "disclosing itself"): "has no such option",
    ("autobahn_python", "asking who calls"): "has no such option",
    ("wampy", "asking who calls"): "drops the option",
    ("autobahn_python", "trust levels"): "does not show them",
    ("autobahn_js", "trust levels"): "does not show them",
    ("autobahn_python", "payload passthru"): "knows no such options",
    ("autobahn_js", "payload passthru"): "shows no such details, yields no options",
    ("wampy", "hearing itself"): "drops exclude_me, if it is false",
    ("wampy", "retaining"): "checks the option and drops it",
    # It throws, and where no user can catch it.
    ("wampy", "giving back a pattern"): "unsubscribes as if it had been an exact topic",
}

#: All clients, over each serializer.
CLIENTS = [f"{name}-{serializer}" for name, serializer in product(DRIVERS, SERIALIZERS)]
#: Each client with itself, and with each other one over another serializer.
PAIRS = [(client, client) for client in CLIENTS] + [
    (f"{one}-{serializer}", f"{other}-{another}")
    for one, other in permutations(DRIVERS, 2)
    for serializer, another in ACROSS
]
#: Each client once.
LIBRARIES = [
    f"{name}-{serializer}"
    for name, serializer in zip(DRIVERS, cycle(SERIALIZERS), strict=False)
]
#: Each client as callee and as caller of each other one, over each serializer.
NEIGHBOURS = [
    (f"{one}-{serializer}", f"{(NAMES * 2)[place + distance]}-{another}")
    for distance, (serializer, another) in enumerate(ACROSS, 1)
    for place, one in enumerate(NAMES)
]


def name_of(client: str) -> str:
    """Return the client's name without its serializer."""
    return client.rpartition("-")[0]


def serializer_of(client: str) -> str:
    """Return the serializer that the client is to use."""
    return client.rpartition("-")[2]


def lacks(client: str, *needs: str) -> list[str]:
    """Return what is wanted of a client that it cannot do, with the reasons."""
    name = name_of(client)
    assert set(needs) <= {need for _, need in LACKS}, needs
    return [
        f"{name} lacks {need}: {LACKS[name, need]}"
        for need in needs
        if (name, need) in LACKS
    ]


def each_client(*needs: str) -> pytest.MarkDecorator:
    """Run a test with each client over each serializer."""
    return _with_each(CLIENTS, needs)


def each_library(*needs: str) -> pytest.MarkDecorator:
    """Run a test with each client once, where the serializer makes no difference."""
    return _with_each(LIBRARIES, needs)


def each_pair(
    *, callee: tuple[str, ...] = (), caller: tuple[str, ...] = ()
) -> pytest.MarkDecorator:
    """Run a test with each pair of a callee and a caller, and what it needs of them."""
    return _with_both(PAIRS, callee, caller)


def each_neighbour(
    *, callee: tuple[str, ...] = (), caller: tuple[str, ...] = ()
) -> pytest.MarkDecorator:
    """Run a test with each client in both roles, where no pair is like no other."""
    return _with_both(NEIGHBOURS, callee, caller)


def _with_each(clients: list[str], needs: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "client", [_param(client, gaps=lacks(client, *needs)) for client in clients]
    )


def _with_both(
    pairs: list[tuple[str, str]], callee: tuple[str, ...], caller: tuple[str, ...]
) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("callee", "caller"),
        [
            _param(one, other, gaps=lacks(one, *callee) + lacks(other, *caller))
            for one, other in pairs
        ],
    )


def _param(*clients: str, gaps: list[str]) -> object:
    must_fail = pytest.mark.xfail(
        raises=(AssertionError, ClientError), strict=True, reason="; ".join(gaps)
    )
    marks = [must_fail] if gaps else []
    return pytest.param(*clients, marks=marks, id="-to-".join(clients))
