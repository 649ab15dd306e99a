"""Which modules are broken, by which tests, and which mutants break nothing."""

from __future__ import annotations

from typing import Final

__all__ = ["EQUIVALENT", "MODULES", "TESTS"]

#: The rules of broker, dealer and session.
MODULES: Final = (
    "router/broker.py",
    "router/receivers.py",
    "router/dealer.py",
    "router/cancelling.py",
    "router/pending_call.py",
    "router/registrations.py",
    "router/session.py",
    "router/endings.py",
    "router/requests.py",
    "router/request_queue.py",
    "router/held_events.py",
    "router/handshake.py",
    "router/uri_index.py",
)

#: The fast tests, those first that find most.
TESTS: Final = ("tests/conformance", "tests/unit/router", "tests/property")

#: Mutants that no test can tell from the original, and why.
EQUIVALENT: Final[dict[str, str]] = {}
