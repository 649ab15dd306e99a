"""What the tests of the meta API have in common: asking, and listening."""

from __future__ import annotations

from typing import Any

from tests.conformance.harness import Client, World

__all__ = ["call", "events", "named_events", "observer", "result"]


def call(client: Client, procedure: str, *args: Any, **kwargs: Any) -> Any:
    """Call, and return the answer."""
    return client.request([48, 1, {}, procedure, [*args], kwargs])


def result(client: Client, procedure: str, *args: Any, **kwargs: Any) -> Any:
    """Call, and return the one result."""
    answer = call(client, procedure, *args, **kwargs)
    assert answer[:3] == [50, 1, {}], answer
    assert len(answer) == 4, answer
    [value] = answer[3]
    return value


def observer(world: World, *topics: str) -> Client:
    """Join and subscribe to meta events."""
    client = world.join(authid="observer", authrole="observer")
    for topic in topics:
        client.subscribe(topic)
    return client


def events(client: Client) -> list[Any]:
    """Return the arguments of the events that came, in order."""
    return [message[4] for message in client.received() if message[0] == 36]


def named_events(client: Client) -> list[tuple[str, list[Any]]]:
    """Return the events of a pattern: the last word of the topic, and arguments."""
    return [
        (message[3]["topic"].rpartition(".")[2], message[4])
        for message in client.received()
        if message[0] == 36
    ]
