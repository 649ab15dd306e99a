"""The ``ticket`` method, without a router."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from aiohttp_serverwamp.auth.ticket import Ticket

SESSION = SimpleNamespace(
    authid="joe", id=7, connection=SimpleNamespace(transport_info={})
)


@pytest.mark.parametrize("details", [{}, {"authid": ""}])
def test_a_client_without_a_name_cannot_use_tickets(details: dict[str, Any]) -> None:
    """REQ-AUTH-019."""
    method = Ticket(lambda session, ticket: True)

    assert method.begin(SESSION, details) is None


def test_the_challenge_is_empty_and_the_ticket_is_judged_as_it_is_sent() -> None:
    """REQ-AUTH-020, REQ-AUTH-021."""
    judged: list[Any] = []

    def verify(session: Any, ticket: str) -> str:
        judged.append((session, ticket))
        return "somebody"

    attempt = Ticket(verify).begin(SESSION, {"authid": "joe"})
    assert attempt is not None

    assert attempt.challenge() == {}
    assert attempt.verify(" tïcket\n", {}) == "somebody"
    assert judged == [(SESSION, " tïcket\n")]


def test_what_cannot_be_encoded_is_a_wrong_ticket_and_no_accident() -> None:
    """A function that encodes it would raise, and a client could fill the log."""
    attempt = Ticket(lambda session, ticket: ticket.encode()).begin(
        SESSION, {"authid": "joe"}
    )
    assert attempt is not None

    assert attempt.verify("\ud800", {}) is None
    assert attempt.verify("a ticket", {}) == b"a ticket"
