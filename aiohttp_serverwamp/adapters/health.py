"""The answer to who asks whether new clients are welcome: load balancers, mostly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp_serverwamp.adapters.upgrade import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HealthHost", "health_answer"]


class HealthHost(Protocol):
    """What can be asked how it is."""

    def health(self) -> Mapping[str, Any]:
        """Return its state; ``status`` is ``ok`` as long as new clients are welcome."""


def health_answer(host: HealthHost) -> Answer:
    """Return 200 while new clients are welcome, else 503, with the state as JSON."""
    health = host.health()
    return Answer(
        200 if health["status"] == "ok" else 503,
        json.dumps(health) + "\n",
        {"Content-Type": "application/json", "Cache-Control": "no-store"},
    )
