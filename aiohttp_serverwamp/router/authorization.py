"""Who may call, register, publish and subscribe what, in one realm.

The most specific rule that says something about an action decides alone: the exact one,
else the longest prefix, else the best wildcard, in `UriIndex`'s order. Only then are
its roles checked; a role that it does not name is denied, whatever wider rules say.
Otherwise a rule for ``chat.`` would open ``chat.admin.``. The meta API's URIs
(``wamp.``) are like any other here, but that rules have to name them: none for
everything, as the prefix "", opens them unawares.

Statements under the same URI and match policy are merged action by action:

- an explicit one (`permit`) replaces those of routes (`declare`), whichever comes
  first;
- explicit ones that name roles add up, the later one winning for a role that both name;
  one for everybody replaces what was said before, and is replaced by what is said
  after;
- those of routes give the same result in any order: False wins, then those that name
  roles (they add up), then those for everybody. No route opens what another one
  restricts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from typing import Final, TypeAlias

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.router.patterns import (
    LEAST_SPECIFIC,
    Rank,
    covers,
    intersect,
    rank,
)
from aiohttp_serverwamp.router.permission_rules import (
    Action,
    Flag,
    Rule,
    make_rule,
    role_names,
)
from aiohttp_serverwamp.router.uri_index import UriIndex
from aiohttp_serverwamp.uris import Match, is_reserved

__all__ = ["OPEN", "Permissions", "Preset", "Verdict"]


class Verdict(Enum):
    """What the rules say of one action on one URI."""

    ALLOWED = "allowed"
    #: Registering is allowed, but privately: only ``session.call`` reaches the
    #: procedure.
    ALLOWED_OWN = "allowed_own"
    DENIED = "denied"
    #: No rule says anything about it, which denies, too.
    UNSAID = "unsaid"


class Preset(Enum):
    """A realm's permissions before any rule."""

    #: Everything on every URI for every role: for laboratories and tests.
    OPEN = "open"


OPEN: Final = Preset.OPEN

#: Verdicts to remember. Clients make up URIs, and they are long.
_REMEMBERED: Final = 1_000

#: The role of guests.
ANONYMOUS: Final = "anonymous"


# What holds under one URI and match policy: for each action the rules in force. There
# are several only where each names roles.
_Statements: TypeAlias = "dict[Action, tuple[Rule, ...]]"


class Permissions:
    """The permission rules of one realm.

    `default` is the verdict on what no rule speaks about; `roles` are those that there
    are, None for any.
    """

    __slots__ = ("_decided", "_default", "_roles", "_rules", "changes")

    def __init__(
        self,
        *,
        default: Verdict = Verdict.UNSAID,
        roles: Iterable[str] | None = None,
    ) -> None:
        self._default = default
        self._roles = role_names(roles)
        self._rules: UriIndex[_Statements] = UriIndex()
        # What was decided last, until the rules change.
        self._decided: dict[tuple[str, Action, str], Verdict] = {}
        #: How often the rules have changed; who remembers verdicts asks again then.
        self.changes = 0

    @classmethod
    def starting_from(
        cls, preset: Preset | None, roles: Iterable[str] | None = None
    ) -> Permissions:
        """Make the permissions that ``Realm(permissions=..., roles=...)`` asks for."""
        if preset is None:
            return cls(roles=roles)
        if preset is not OPEN:
            raise ConfigurationError(
                f"permissions= takes OPEN or nothing, not {preset!r}: say who may do "
                "what with realm.permit(...)"
            )
        return cls(default=Verdict.ALLOWED, roles=roles)

    def knows(self, authrole: str) -> bool:
        """Tell whether the realm has this role; guests have theirs in every realm."""
        roles = self._roles
        return roles is None or authrole == ANONYMOUS or authrole in roles

    def permit(
        self,
        uri: str,
        match: Match | str = Match.EXACT,
        *,
        call: bool | None = None,
        register: Flag | None = None,
        publish: bool | None = None,
        subscribe: bool | None = None,
        retain: bool | None = None,
        roles: Iterable[str] | None = None,
    ) -> None:
        """Say who may do what with the URIs that match; None says nothing.

        `roles` names those who are granted what is True (or "own"), None is everybody;
        False denies to everybody. Raises `ConfigurationError` for what makes no rule.
        """
        flags = _by_action(call, register, publish, subscribe, retain)
        self._add(make_rule(uri, match, flags, roles, explicit=True))

    def declare(
        self,
        uri: str,
        match: Match | str = Match.EXACT,
        *,
        call: bool | None = None,
        register: bool | None = None,
        publish: bool | None = None,
        subscribe: bool | None = None,
        retain: bool | None = None,
        roles: Iterable[str] | None = None,
    ) -> None:
        """Say the same on behalf of a route: `permit` under the same key wins."""
        flags = _by_action(call, register, publish, subscribe, retain)
        self._add(make_rule(uri, match, flags, roles, explicit=False))

    def decide(
        self, authrole: str, action: Action, uri: str, match: Match = Match.EXACT
    ) -> Verdict:
        """Return what the rules say of `action` on `uri` for a role.

        A pattern (`match` is not exact) needs a rule that covers it wholly, and is
        denied as soon as a more specific rule beneath it denies this role
        (REQ-AUTZ-012).
        """
        # Hot path: every CALL and PUBLISH of a client.
        if match is not Match.EXACT:
            return self._decide_pattern(authrole, action, uri, match)
        key = (authrole, action, uri)
        verdict = self._decided.get(key)
        if verdict is None:
            if len(self._decided) >= _REMEMBERED:
                self._decided.clear()
            verdict = self._decided[key] = self._decide(authrole, action, uri)
        return verdict

    def _decide(self, authrole: str, action: Action, uri: str) -> Verdict:
        exact = self._rules.get(uri, Match.EXACT)
        if exact is not None and (rules := exact.get(action)) is not None:
            return _verdict(rules, action, authrole)
        for statements in self._rules.matches(uri):
            rules = statements.get(action)
            if rules is not None and _speaks_of(rules[0].uri, uri):
                return _verdict(rules, action, authrole)
        return self._default

    def names(self, authrole: str, action: Action, uri: str) -> bool:
        """Tell whether a rule for exactly this URI allows it to the role."""
        said = self._rules.get(uri, Match.EXACT)
        rules = None if said is None else said.get(action)
        return rules is not None and (
            _verdict(rules, action, authrole) is Verdict.ALLOWED
        )

    def governing(self, uri: str) -> str:
        """Return the URI of the most specific rule that speaks of `uri`, or nothing."""
        if self._rules.get(uri, Match.EXACT) is not None:
            return uri
        rules = (rules for said in self._rules.matches(uri) for rules in said.values())
        return next((each[0].uri for each in rules if each), "")

    def _decide_pattern(
        self, authrole: str, action: Action, uri: str, match: Match
    ) -> Verdict:
        verdict, deciding = self._default, LEAST_SPECIFIC
        beneath: list[tuple[Rank, Verdict]] = []
        for rule_uri, rule_match, statements in self._rules:
            rules = statements.get(action)
            if rules is None or not intersect(rule_uri, rule_match, uri, match):
                continue
            if not _speaks_of(rule_uri, uri):
                continue
            rule_rank = rank(rule_uri, rule_match)
            rule_verdict = _verdict(rules, action, authrole)
            beneath.append((rule_rank, rule_verdict))
            if rule_rank < deciding and covers(rule_uri, rule_match, uri, match):
                verdict, deciding = rule_verdict, rule_rank
        if verdict is Verdict.UNSAID:
            return verdict
        more_specific = {
            verdict,
            *(said for above, said in beneath if above < deciding),
        }
        return next(v for v in _STRICTEST_FIRST if v in more_specific)

    def _add(self, rule: Rule) -> None:
        for name in sorted(rule.roles or ()):
            if not self.knows(name):
                raise ConfigurationError(
                    f"the rule for {rule.uri!r} names the role {name!r}, which "
                    f"Realm(roles={sorted(self._roles or ())}) does not have"
                )
        self.changes += 1
        self._decided.clear()
        statements = self._rules.get(rule.uri, rule.match)
        if statements is None:
            statements = {}
            self._rules.set(rule.uri, rule.match, statements)
        for action, flag in rule.actions.items():
            # Roles are granted something; what is refused is refused to everybody.
            said = rule if flag else replace(rule, roles=None)
            statements[action] = _merged(statements.get(action, ()), said, action)


def _by_action(
    call: bool | None,
    register: Flag | None,
    publish: bool | None,
    subscribe: bool | None,
    retain: bool | None,
) -> dict[Action, Flag | None]:
    return {
        Action.CALL: call,
        Action.REGISTER: register,
        Action.PUBLISH: publish,
        Action.SUBSCRIBE: subscribe,
        Action.RETAIN: retain,
    }


def _speaks_of(rule_uri: str, uri: str) -> bool:
    """Tell whether a rule that matches is meant: the router's own URIs are named."""
    return is_reserved(uri) is is_reserved(rule_uri)


_STRICTEST_FIRST = (Verdict.DENIED, Verdict.ALLOWED_OWN, Verdict.ALLOWED)


def _verdict(rules: tuple[Rule, ...], action: Action, authrole: str) -> Verdict:
    for rule in reversed(rules):
        if rule.roles is None or authrole in rule.roles:
            flag = rule.actions[action]
            if flag == "own":
                return Verdict.ALLOWED_OWN
            return Verdict.ALLOWED if flag else Verdict.DENIED
    return Verdict.DENIED


def _merged(present: tuple[Rule, ...], rule: Rule, action: Action) -> tuple[Rule, ...]:
    """Add a rule to those that speak about `action` under the same key."""
    if not present:
        return (rule,)
    old = present[0]
    if old.explicit != rule.explicit:
        return present if old.explicit else (rule,)
    if old.roles is not None and rule.roles is not None:
        kept = (one for one in present if one.roles and not one.roles <= rule.roles)
        return (*kept, rule)
    if rule.explicit:
        return (rule,)
    # Of two routes the stricter statement holds, so that the order of routes does not
    # matter.
    if old.denies(action) or (old.roles is not None and not rule.denies(action)):
        return present
    return (rule,)
