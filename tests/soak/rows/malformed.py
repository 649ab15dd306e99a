"""Messages that are malformed or out of place, in every state and serializer.

What is legal is written down here once more, from the specification's chapter on
messages and not from the code; what is answered is the receive matrix of
``tests/conformance``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.wire import frame
from tests.conformance.test_receive_matrix import FORBIDDEN_ROW, MATRIX, STATES
from tests.soak.codecs import BINARY, SERIALIZERS, TEXT, encode, opcode
from tests.soak.doors import Door, connect, join
from tests.soak.peer import (
    ABORT,
    CALL,
    CHALLENGE,
    GOODBYE,
    HELLO,
    INVOCATION,
    REGISTER,
    REGISTERED,
    Peer,
)
from tests.soak.process import serving
from tests.soak.rawsocket_peer import HANDSHAKES, raw_frame
from tests.soak.row import Outcome, Row
from tests.soak.rows.holding import some_at_once

VIOLATION: Final = "wamp.error.protocol_violation"

# The kinds of field, with what is none of them.
ID: Final[Sequence[Any]] = (0, -1, 2**53 + 1, 1.5, True, None, "1", [], {})
OR_ZERO: Final[Sequence[Any]] = (-1, 2**53 + 1, 1.5, True, None, "0", [], {})
CODE: Final[Sequence[Any]] = (-1, 1.5, True, None, "48", [], {})
URI: Final[Sequence[Any]] = (None, 0, True, [], {})
REALM: Final[Sequence[Any]] = (0, True, [], {})
WORD: Final[Sequence[Any]] = (None, 0, True, [], {})
DICT: Final[Sequence[Any]] = (None, 0, True, "x", [])
#: What comes last may be null: it is left out then.
LIST: Final[Sequence[Any]] = (0, True, "x", {})
TAIL: Final[Sequence[Any]] = (0, True, "x", [])

#: Each message: one that is well-formed, and what must not be in its fields.
MESSAGES: Final[Mapping[str, tuple[Sequence[Any], Sequence[Sequence[Any]], int]]] = {
    # Name: the fields in full, what each must not be, how many may be left out.
    "HELLO": ((1, "open", {"roles": {"caller": {}}}), (REALM, DICT), 0),
    "WELCOME": ((2, 1, {}), (ID, DICT), 0),
    "ABORT": ((3, {}, "com.any.reason", [], {}), (DICT, URI, LIST, TAIL), 2),
    "CHALLENGE": ((4, "ticket", {}), (WORD, DICT), 0),
    "AUTHENTICATE": ((5, "secret", {}), (WORD, DICT), 0),
    "GOODBYE": ((6, {}, "wamp.close.close_realm"), (DICT, URI), 0),
    "ERROR": ((8, 68, 1, {}, "com.err", [], {}), (CODE, ID, DICT, URI, LIST, TAIL), 2),
    "PUBLISH": ((16, 20, {}, "com.t", [], {}), (ID, DICT, URI, LIST, TAIL), 2),
    "PUBLISHED": ((17, 1, 1), (ID, ID), 0),
    "SUBSCRIBE": ((32, 21, {}, "com.u"), (ID, DICT, URI), 0),
    "SUBSCRIBED": ((33, 1, 1), (ID, ID), 0),
    "UNSUBSCRIBE": ((34, 22, 1), (ID, ID), 0),
    "UNSUBSCRIBED": ((35, 0, {}), (OR_ZERO, TAIL), 1),
    "EVENT": ((36, 1, 1, {}, [], {}), (ID, ID, DICT, LIST, TAIL), 2),
    "CALL": ((48, 23, {}, "com.p", [], {}), (ID, DICT, URI, LIST, TAIL), 2),
    "CANCEL": ((49, 10, {}), (ID, DICT), 0),
    "RESULT": ((50, 1, {}, [], {}), (ID, DICT, LIST, TAIL), 2),
    "REGISTER": ((64, 24, {}, "com.q"), (ID, DICT, URI), 0),
    "REGISTERED": ((65, 1, 1), (ID, ID), 0),
    "UNREGISTER": ((66, 25, 1), (ID, ID), 0),
    "UNREGISTERED": ((67, 0, {}), (OR_ZERO, TAIL), 1),
    "INVOCATION": ((68, 1, 1, {}, [], {}), (ID, ID, DICT, LIST, TAIL), 2),
    "INTERRUPT": ((69, 1, {}), (ID, DICT), 0),
    "YIELD": ((70, 1, {}, [], {}), (ID, DICT, LIST, TAIL), 2),
}
#: Options and details whose known keys have values of the wrong type.
OPTIONS: Final[Sequence[tuple[str, str, Sequence[Any]]]] = (
    ("HELLO", "roles", (None, {}, [], "caller", {"caller": 1})),
    ("HELLO", "authmethods", ("ticket", [1], {})),
    ("PUBLISH", "acknowledge", ("yes", 1, [])),
    ("PUBLISH", "exclude", ("x", ["x"], [0], [True])),
    ("PUBLISH", "eligible_authid", ("x", [1], {})),
    ("SUBSCRIBE", "match", (123, "regex", [], True)),
    ("CALL", "timeout", (-1, "1", True, [])),
    ("CALL", "receive_progress", ("yes", 0)),
    ("CANCEL", "mode", ("foo", 1, [])),
    ("REGISTER", "invoke", ("foo", 1, [])),
    ("YIELD", "progress", ("yes", 1)),
)
#: What is no message in any way.
SHAPELESS: Final[Sequence[Any]] = (
    None,
    True,
    48,
    "text",
    {},
    {"code": 48},
    [],
    [None],
    [[48]],
    [[]],
)
CODES: Final[Sequence[Any]] = (0, -1, 7, 999, 2**53, 48.5, True, None, "48", [], {})
#: Payloads that cannot be decoded.
NO_TEXT: Final = (b"", b"[48,1,", b"nonsense", b'[48,1,{},"p"]]', b"[" * 5_000)
NO_BINARY: Final = (b"", b"\xc1", b"\xff" * 5, b"\x9f\x9f", b"\x81" * 5_000, b"[48,1,")


def malformed() -> Iterator[Any]:
    """Yield messages of every type that no state admits: of wrong length or type."""
    for fields, wrong, optional in MESSAGES.values():
        for length in range(1, len(fields) - optional):
            yield list(fields[:length])
        yield [*fields, *[[]] * 3]
        for at, values in enumerate(wrong, start=1):
            for value in values:
                yield [*fields[:at], value, *fields[at + 1 :]]
    for name, key, values in OPTIONS:
        fields = MESSAGES[name][0]
        at = next(at for at, field in enumerate(fields) if isinstance(field, dict))
        for value in values:
            yield [*fields[:at], {key: value}, *fields[at + 1 :]]
    yield from ([code, 1, {}, "com.p"] for code in CODES)
    yield from SHAPELESS


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent in a state, as a frame, and what the matrix says of it."""

    state: str
    serializer: str
    rawsocket: bool
    frame: bytes
    outcome: str


def cases() -> Iterator[Case]:
    """Yield every case."""
    for serializer in SERIALIZERS:
        kind = opcode(serializer)
        rows: list[tuple[int, bytes, Sequence[str]]] = [
            (kind, encode(serializer, each), FORBIDDEN_ROW) for each in malformed()
        ]
        nonsense = NO_TEXT if kind == TEXT else NO_BINARY
        rows += [(kind, each, FORBIDDEN_ROW) for each in nonsense]
        other = BINARY if kind == TEXT else TEXT
        rows.append((other, b'[6,{},"wamp.close.normal"]', FORBIDDEN_ROW))
        rows += [
            (kind, encode(serializer, message), outcomes)
            for message, outcomes in MATRIX.values()
            if message is not None
        ]
        for at, state in enumerate(STATES):
            for code, payload, outcomes in rows:
                sent = frame(payload, code)
                yield Case(state, serializer, False, sent, outcomes[at])
                if code == kind and serializer in HANDSHAKES:
                    sent = raw_frame(payload)
                    yield Case(state, serializer, True, sent, outcomes[at])


async def arrive(door: Door, state: str, serializer: str) -> Peer:
    """Bring a client into a state."""
    if state in ("ESTABLISHED", "SHUTTING_DOWN"):
        peer = await join(door, serializer)
        if state == "SHUTTING_DOWN":
            peer.send(CALL, 1, {}, "kick.me")
            goodbye = await peer.receive()
            assert goodbye[0] == GOODBYE, goodbye
        return peer
    peer = await connect(door, serializer)
    if state == "ESTABLISHING":
        peer.send(HELLO, "pending", {"roles": {"caller": {}}})
    elif state == "AUTHENTICATING":
        answer = await peer.hello("ticket", authid="ann", authmethods=["ticket"])
        assert answer[0] == CHALLENGE, answer
    return peer


async def judge(door: Door, case: Case) -> str | None:
    """Send it; return what is wrong with the answer."""
    peer = await arrive(door, case.state, case.serializer)
    if case.outcome == "process" and case.state == "ESTABLISHED":
        await _call_itself(peer)
    peer.write(case.frame)
    if case.outcome == "process":
        return await _processed(peer)
    if case.outcome == "ignore":
        peer.send(GOODBYE, {}, "wamp.close.goodbye_and_out")
    messages, code = await peer.received_until_end(), await peer.end()
    peer.reset()
    # A GOODBYE of the server was for a reason, which its close code repeats.
    ends = {"ABORT": (1002,), "ignore": (4403,)}.get(case.outcome, (1000, 4403))
    ended = code in ((None,) if case.rawsocket else ends)
    said = [each[::2] for each in messages]
    right = said == ([[ABORT, VIOLATION]] if case.outcome == "ABORT" else [])
    return None if right and ended else f"{messages}, then {code}"


async def _call_itself(peer: Peer) -> None:
    """Have call 10 in flight, and invocation 1 to answer, as the matrix does."""
    registered = await peer.request(REGISTER, {}, f"own.{id(peer)}")
    assert registered[0] == REGISTERED, registered
    peer.send(CALL, 10, {}, f"own.{id(peer)}")
    invocation = await peer.receive()
    assert invocation[:2] == [INVOCATION, 1], invocation


async def _processed(peer: Peer) -> str | None:
    """Tell what is wrong where the message was legal: it is no violation."""
    await asyncio.sleep(0)
    peer.close()
    answers = await peer.received_until_end()
    peer.reset()
    aborted = [each for each in answers if each[::2] == [ABORT, VIOLATION]]
    return f"{answers}" if aborted else None


async def run(effort: float) -> Outcome:
    outcome = Outcome()
    chosen = [*cases()]
    chosen = chosen[:: max(1, round(1 / effort))]
    wrong: list[str] = []
    # What the client answers to GOODBYE is waited for: it may take its time.
    async with serving(limits={"close_timeout": 30.0}) as server:

        async def one(case: Case) -> None:
            door = server.raw_door if case.rawsocket else server.door
            problem = await judge(door, case)
            if problem is not None:
                wrong.append(f"{case}: {problem}")

        await some_at_once(one, chosen)
        outcome.require(not wrong, f"{len(wrong)} wrong answers: {wrong[:5]}")
        server.require_clean_log(outcome)
        tracebacks = server.log().count("Traceback")
    outcome.done = (
        f"{len(chosen):,} connections: {len(MESSAGES)} types, every length, wrong "
        f"types in every field, {len(STATES)} states, {len(SERIALIZERS)} serializers, "
        "WebSocket and RawSocket"
    )
    outcome.seen = f"{len(wrong)} wrong answers, {tracebacks} tracebacks"
    return outcome


ROW = Row(
    "malformed",
    "malformed or misplaced, every type, arity and state",
    "each answered as the receive matrix says; 0 tracebacks",
    run,
)
