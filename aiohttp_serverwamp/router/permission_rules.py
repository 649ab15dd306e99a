"""One permission rule: what it says, about which URIs, and the checks on the way in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.uris import Match, is_valid_uri

__all__ = ["Action", "Flag", "Rule", "make_rule", "role_names"]

#: What a rule says: yes, no or, of REGISTER, only privately.
Flag: TypeAlias = "bool | Literal['own']"


class Action(StrEnum):
    """What a session may do with a URI; authorizers are asked about the first four."""

    CALL = "call"
    REGISTER = "register"
    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"
    #: To have one's publications retained, besides publishing.
    RETAIN = "retain"


@dataclass(frozen=True, slots=True)
class Rule:
    """One statement about the URIs that match."""

    uri: str
    match: Match
    actions: Mapping[Action, Flag]
    #: Who is granted what `actions` grants; None: everybody.
    roles: frozenset[str] | None
    #: Said by `permit`, not by a route.
    explicit: bool

    def denies(self, action: Action) -> bool:
        """Tell whether this says no, which it says to everybody."""
        return self.actions[action] is False


def make_rule(
    uri: str,
    match: Match | str,
    flags: Mapping[Action, object],
    roles: Iterable[str] | None,
    *,
    explicit: bool,
) -> Rule:
    """Check what `permit` or `declare` were given, and put it into a Rule.

    Flags that are None say nothing. Raises `ConfigurationError` for what makes no rule.
    """
    policy = _policy(match)
    if not isinstance(uri, str) or not is_valid_uri(uri, policy):
        raise ConfigurationError(
            f"{uri!r} is no {policy} URI: write components joined by dots, without "
            'white space or "#"; the last may be empty with match="prefix", any with '
            'match="wildcard", none otherwise'
        )
    said = _said(flags)
    if not said:
        raise ConfigurationError(
            f"the rule for {uri!r} says nothing: give at least one of call=, "
            "register=, publish=, subscribe=, retain="
        )
    names = role_names(roles)
    if names is not None and not any(said.values()):
        raise ConfigurationError(
            f"the rule for {uri!r} grants nothing to roles={sorted(names)}: roles "
            "names who is allowed, so leave it out to deny everybody, or write True "
            "and the roles that may"
        )
    return Rule(uri, policy, said, names, explicit)


def _said(flags: Mapping[Action, object]) -> dict[Action, Flag]:
    said: dict[Action, Flag] = {}
    for action, flag in flags.items():
        if isinstance(flag, bool):
            said[action] = flag
        elif action is Action.REGISTER and flag == "own":
            said[action] = "own"
        elif flag is not None:
            choices = "True, False" + (', "own"' if action is Action.REGISTER else "")
            raise ConfigurationError(f"{action}= takes {choices} or None, not {flag!r}")
    return said


def _policy(match: Match | str) -> Match:
    try:
        return Match(match)
    except ValueError:
        raise ConfigurationError(
            f'match= takes "exact", "prefix" or "wildcard", not {match!r}'
        ) from None


def role_names(roles: Iterable[str] | None) -> frozenset[str] | None:
    """Return the roles named, None for everybody; raise `ConfigurationError`."""
    if roles is None:
        return None
    if isinstance(roles, str) or not isinstance(roles, Iterable):
        raise ConfigurationError(
            f"roles= takes a collection of names: write roles=[{roles!r}]"
        )
    names = frozenset(roles)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ConfigurationError(
            'roles= takes names of roles, such as roles=["admin"]; leave it out for '
            "everybody, and to deny everybody use permit() with False for the action"
        )
    return names
