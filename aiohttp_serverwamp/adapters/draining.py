"""How clients are made to leave: what can be asked for, and who is not ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["check_seconds", "checked_drain_timeout", "checked_health_path", "is_busy"]


def check_seconds(what: str, value: object) -> None:
    """Raise `ConfigurationError` unless a value is a number of seconds."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value < float("inf")
    ):
        raise ConfigurationError(f"{what}: {value!r} is no number of seconds")


def checked_drain_timeout(value: float) -> float:
    """Return a `drain_timeout`; raise `ConfigurationError` for what is none."""
    check_seconds("drain_timeout", value)
    return value


def checked_health_path(value: str | None) -> str | None:
    """Return a `health_path`; raise `ConfigurationError` for what is none."""
    if value is None or (isinstance(value, str) and value.startswith("/")):
        return value
    raise ConfigurationError(f"health_path={value!r}: give a path, as '/healthz'")


def is_busy(session: RouterSession) -> bool:
    """Tell whether somebody waits for what a session has begun."""
    dealing = session.dealing
    return bool(
        dealing.calls or dealing.running or dealing.invocations or session.requests.busy
    )
