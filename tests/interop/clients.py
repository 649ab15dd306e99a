"""Which clients play, over which serializers, and what they cannot do.

A new client is a driver, a line in DRIVERS and its lines in LACKS.
"""

from __future__ import annotations

import sys
from itertools import permutations, product
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
SERIALIZERS = ("json", "msgpack")

#: What a client cannot do, and why. A test that needs it is run all the same and has to
#: fail: the day it passes, with a newer client, the line must go.
LACKS = {
    ("xconn", "progress as a caller"): "takes the first RESULT for the last one",
    ("xconn", "progress as a callee"): "gives its procedures no way to send any",
    ("xconn", "cancelling"): "cannot send CANCEL",
    ("xconn", "arguments in chunks"): "has no progressive call invocations",
    ("autobahn_python", "arguments in chunks"): "has no progressive call invocations",
    ("autobahn_js", "arguments in chunks"): "has no progressive call invocations",
    ("xconn", "error keywords"): "sends an error without its keyword arguments",
    ("xconn", "interruption"): "does not know INTERRUPT",
    ("autobahn_js", "interruption"): "does not know INTERRUPT",
    ("wampy", "interruption"): "does not know INTERRUPT",
    # It throws, and where no user can catch it.
    ("wampy", "giving back a pattern"): "unsubscribes as if it had been an exact topic",
}

CLIENTS = [f"{name}-{serializer}" for name, serializer in product(DRIVERS, SERIALIZERS)]
#: Each client with itself, and with each other one over the other serializer.
PAIRS = [(client, client) for client in CLIENTS] + [
    (f"{one}-{serializer}", f"{other}-{another}")
    for one, other in permutations(DRIVERS, 2)
    for serializer, another in permutations(SERIALIZERS)
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
    """Run a test with each client."""
    return pytest.mark.parametrize(
        "client",
        [_param(client, gaps=lacks(client, *needs)) for client in CLIENTS],
    )


def each_pair(
    *, callee: tuple[str, ...] = (), caller: tuple[str, ...] = ()
) -> pytest.MarkDecorator:
    """Run a test with each pair of a callee and a caller, and what it needs of them."""
    return pytest.mark.parametrize(
        ("callee", "caller"),
        [
            _param(one, other, gaps=lacks(one, *callee) + lacks(other, *caller))
            for one, other in PAIRS
        ],
    )


def _param(*clients: str, gaps: list[str]) -> object:
    must_fail = pytest.mark.xfail(
        raises=(AssertionError, ClientError), strict=True, reason="; ".join(gaps)
    )
    marks = [must_fail] if gaps else []
    return pytest.param(*clients, marks=marks, id="-to-".join(clients))
