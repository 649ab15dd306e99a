"""By which role, or by whom, users are let in: what several authenticators ask for."""

from __future__ import annotations

from typing import Final

from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["DEFAULT_ROLE", "check_load", "check_role"]

#: The authrole of those about whom nothing else is said.
DEFAULT_ROLE: Final = "user"


def check_role(maker: str, role: object) -> None:
    """Raise `ConfigurationError` for what is no role; `maker` is who was given it."""
    if not isinstance(role, str) or not role:
        raise ConfigurationError(f"{maker}(role=...) takes a non-empty str")


def check_load(
    maker: str, load: object, *, given: str, options: str, chosen: bool
) -> None:
    """Raise `ConfigurationError` for a `load` that is no function, or not alone.

    `given` is what it is called with, `options` are what it replaces, and `chosen` says
    whether any of them was given too.
    """
    if load is None:
        return
    if not callable(load):
        raise ConfigurationError(
            f"{maker}(load=...) takes a function: {given}, an Identity comes out"
        )
    if chosen:
        raise ConfigurationError(
            f"{maker} takes load= or {options}, not both: return Identity(authid, "
            "authrole) from load"
        )
