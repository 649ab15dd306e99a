"""What operators see: statistics, observers, the access log, metrics and traces."""

from __future__ import annotations

from aiohttp_serverwamp.observability.stats import Stats

__all__ = ["Stats"]
