from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.router.authorization import OPEN, Permissions, Verdict
from aiohttp_serverwamp.router.decisions import Decision, DecisionCache, decision_from
from aiohttp_serverwamp.router.permission_rules import Action
from aiohttp_serverwamp.uris import Match

CALL, REGISTER, PUBLISH, SUBSCRIBE, RETAIN = Action
ALLOWED, ALLOWED_OWN, DENIED, UNSAID = Verdict
EXACT, PREFIX, WILDCARD = Match


@pytest.fixture
def rules() -> Permissions:
    return Permissions()


# One URI


def test_what_no_rule_speaks_about_is_unsaid(rules: Permissions) -> None:
    rules.permit("a.b", call=True)

    assert rules.decide("user", CALL, "a.b") is ALLOWED
    assert rules.decide("user", PUBLISH, "a.b") is UNSAID
    assert rules.decide("user", CALL, "a.c") is UNSAID


def test_a_rule_for_chat_does_not_open_chat_admin(rules: Permissions) -> None:
    """Otherwise `chat.` would open `chat.admin.` (product.md)."""
    rules.permit("chat.", "prefix", subscribe=True)
    rules.permit("chat.admin.", "prefix", subscribe=True, roles=["admin"])

    assert rules.decide("user", SUBSCRIBE, "chat.room") is ALLOWED
    assert rules.decide("user", SUBSCRIBE, "chat.admin.log") is DENIED
    assert rules.decide("admin", SUBSCRIBE, "chat.admin.log") is ALLOWED


def test_the_most_specific_rule_decides_alone_in_the_order_of_the_index(
    rules: Permissions,
) -> None:
    """Each rule, once it is there, beats those before it."""
    for uri, match, allowed in [
        ("..", WILDCARD, True),
        ("..c", WILDCARD, False),
        ("a..", WILDCARD, True),
        ("", PREFIX, False),
        ("a.", PREFIX, True),
        ("a.b.c", EXACT, False),
    ]:
        rules.permit(uri, match, call=allowed)

        verdict = rules.decide("user", CALL, "a.b.c")

        assert verdict is (ALLOWED if allowed else DENIED), (uri, match)


def test_a_rule_that_is_silent_on_the_action_leaves_it_to_the_next(
    rules: Permissions,
) -> None:
    rules.permit("a.", "prefix", publish=True, call=True)
    rules.permit("a.b", call=False)

    assert rules.decide("user", PUBLISH, "a.b") is ALLOWED
    assert rules.decide("user", CALL, "a.b") is DENIED


def test_own_allows_registering_privately(rules: Permissions) -> None:
    rules.permit("browser.confirm", register="own")

    assert rules.decide("user", REGISTER, "browser.confirm") is ALLOWED_OWN


# Several statements under one key


def test_statements_under_one_key_are_merged_action_by_action(
    rules: Permissions,
) -> None:
    rules.permit("a", call=True, roles=["admin"])
    rules.permit("a", subscribe=True)

    assert rules.decide("user", SUBSCRIBE, "a") is ALLOWED
    assert rules.decide("user", CALL, "a") is DENIED
    assert rules.decide("admin", CALL, "a") is ALLOWED


def test_permits_that_name_roles_add_up_and_the_later_wins_for_a_role(
    rules: Permissions,
) -> None:
    rules.permit("a", register=True, roles=["admin", "robot"])
    rules.permit("a", register="own", roles=["user", "robot"])

    verdicts = [rules.decide(role, REGISTER, "a") for role in ("admin", "user")]
    assert verdicts == [ALLOWED, ALLOWED_OWN]
    assert rules.decide("robot", REGISTER, "a") is ALLOWED_OWN
    assert rules.decide("guest", REGISTER, "a") is DENIED


def test_of_permits_of_which_one_is_for_everybody_the_later_counts(
    rules: Permissions,
) -> None:
    rules.permit("a", call=True)
    rules.permit("a", call=True, roles=["admin"])
    assert rules.decide("user", CALL, "a") is DENIED

    rules.permit("a", call=True)
    assert rules.decide("user", CALL, "a") is ALLOWED

    rules.permit("a", call=False)
    assert rules.decide("user", CALL, "a") is DENIED


def test_false_beside_roles_denies_to_everybody(rules: Permissions) -> None:
    rules.permit("a", publish=True, roles=["guest"])

    rules.permit("a", subscribe=True, publish=False, roles=["user"])

    assert rules.decide("user", SUBSCRIBE, "a") is ALLOWED
    assert rules.decide("guest", SUBSCRIBE, "a") is DENIED
    assert rules.decide("user", PUBLISH, "a") is DENIED
    assert rules.decide("guest", PUBLISH, "a") is DENIED


@pytest.mark.parametrize("permit_first", [True, False])
def test_a_permit_wins_over_a_route_for_the_actions_it_speaks_about(
    rules: Permissions, permit_first: bool
) -> None:
    def permit() -> None:
        rules.permit("a", publish=False, call=True)

    if permit_first:
        permit()
    rules.declare("a", publish=True, subscribe=True)
    rules.declare("a", call=True, roles=["admin"])
    if not permit_first:
        permit()

    assert rules.decide("user", PUBLISH, "a") is DENIED
    assert rules.decide("user", CALL, "a") is ALLOWED
    assert rules.decide("user", SUBSCRIBE, "a") is ALLOWED


def test_a_permit_on_another_key_does_not_replace_a_route(rules: Permissions) -> None:
    rules.declare("a.b", call=True, roles=["admin"])

    rules.permit("a.", "prefix", call=True)
    rules.permit("a.b", "prefix", call=True)

    assert rules.decide("user", CALL, "a.b") is DENIED


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("statements", "verdicts"),
    [
        ([{"call": True}, {"call": True, "roles": ["admin"]}], (ALLOWED, DENIED)),
        ([{"call": True}, {"call": False}], (DENIED, DENIED)),
        ([{"call": False}, {"call": True, "roles": ["admin"]}], (DENIED, DENIED)),
        (
            [{"call": True, "roles": ["admin"]}, {"call": True, "roles": ["user"]}],
            (ALLOWED, ALLOWED),
        ),
    ],
)
def test_no_route_opens_what_another_one_restricts_in_any_order(
    rules: Permissions,
    statements: list[dict[str, Any]],
    verdicts: tuple[Verdict, Verdict],
    order: int,
) -> None:
    for statement in statements[::order]:
        rules.declare("a", **statement)

    assert (rules.decide("admin", CALL, "a"), rules.decide("user", CALL, "a")) == (
        verdicts
    )


# Patterns


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        (("chat.", PREFIX), ("chat.", PREFIX)),
        (("chat.", PREFIX), ("chat.room", PREFIX)),
        (("", PREFIX), ("", PREFIX)),
        (("", PREFIX), ("", WILDCARD)),
        (("chat.", PREFIX), ("chat..new", WILDCARD)),
        (("cha", PREFIX), ("chat.", WILDCARD)),
        (("a..c", WILDCARD), ("a..c", WILDCARD)),
        (("a..", WILDCARD), ("a.b.", WILDCARD)),
        (("a..", WILDCARD), ("a.b.c", WILDCARD)),
    ],
)
def test_a_rule_that_covers_a_pattern_wholly_decides_on_it(
    rules: Permissions, rule: tuple[str, Match], pattern: tuple[str, Match]
) -> None:
    rules.permit(*rule, subscribe=True)

    assert rules.decide("user", SUBSCRIBE, *pattern) is ALLOWED


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        (("chat", EXACT), ("chat", PREFIX)),
        (("chat", EXACT), ("chat", WILDCARD)),
        (("chat.", PREFIX), ("chat", PREFIX)),
        (("chat.", PREFIX), ("", PREFIX)),
        (("chat.", PREFIX), (".new", WILDCARD)),
        (("chat.a", PREFIX), ("chat..new", WILDCARD)),
        (("chat.", WILDCARD), ("chat.", PREFIX)),
        (("a..c", WILDCARD), ("a..", WILDCARD)),
        (("a..", WILDCARD), ("a.", WILDCARD)),
    ],
)
def test_a_rule_that_covers_a_pattern_in_part_grants_nothing_on_it(
    rules: Permissions, rule: tuple[str, Match], pattern: tuple[str, Match]
) -> None:
    """A grant for a URI is none for the patterns that cover it."""
    rules.permit(*rule, subscribe=True)

    assert rules.decide("user", SUBSCRIBE, *pattern) is UNSAID


@pytest.mark.parametrize(
    "pattern", [("chat.", PREFIX), ("", PREFIX), ("chat..log", WILDCARD)]
)
@pytest.mark.parametrize(
    "beneath", [("chat.admin.", PREFIX), ("chat.admin.log", EXACT)]
)
def test_subscribing_to_chat_does_not_open_chat_admin(
    rules: Permissions, beneath: tuple[str, Match], pattern: tuple[str, Match]
) -> None:
    rules.permit("", "prefix", subscribe=True)
    rules.permit(*beneath, subscribe=True, roles=["admin"])

    assert rules.decide("user", SUBSCRIBE, *pattern) is DENIED
    assert rules.decide("admin", SUBSCRIBE, *pattern) is ALLOWED
    assert rules.decide("user", SUBSCRIBE, "chat.room.", PREFIX) is ALLOWED


def test_a_rule_beneath_that_is_silent_on_the_action_does_not_close_the_pattern(
    rules: Permissions,
) -> None:
    rules.permit("chat.", "prefix", subscribe=True)
    rules.permit("chat.admin.", "prefix", publish=True, roles=["admin"])

    assert rules.decide("user", SUBSCRIBE, "chat.", PREFIX) is ALLOWED


def test_a_wider_rule_that_denies_does_not_close_a_pattern(rules: Permissions) -> None:
    rules.permit("", "prefix", subscribe=False)
    rules.permit("chat.", "prefix", subscribe=True)

    assert rules.decide("user", SUBSCRIBE, "chat.", PREFIX) is ALLOWED


def test_a_prefix_rule_beats_a_permit_on_the_very_wildcard_pattern(
    rules: Permissions,
) -> None:
    """As it does for each URI of the pattern."""
    rules.permit("a..c", "wildcard", subscribe=True)
    rules.permit("a.", "prefix", subscribe=False)

    assert rules.decide("user", SUBSCRIBE, "a.b.c") is DENIED
    assert rules.decide("user", SUBSCRIBE, "a..c", WILDCARD) is DENIED


def test_own_beneath_a_pattern_makes_the_whole_pattern_own(rules: Permissions) -> None:
    rules.permit("a.", "prefix", register=True)
    rules.permit("a.mine", register="own")

    assert rules.decide("user", REGISTER, "a.", PREFIX) is ALLOWED_OWN
    assert rules.decide("user", REGISTER, "a.b", PREFIX) is ALLOWED


# Open realms


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("match", list(Match))
def test_an_open_realm_allows_everything_to_every_role(
    action: Action, match: Match
) -> None:
    rules = Permissions.starting_from(OPEN)

    assert rules.decide("anybody", action, "a.b", match) is ALLOWED


def test_a_permit_restricts_an_open_realm_and_the_patterns_above_it() -> None:
    rules = Permissions.starting_from(OPEN)
    rules.permit("a.b", subscribe=False)
    rules.permit("x..z", "wildcard", subscribe=False)

    assert rules.decide("user", SUBSCRIBE, "a.b") is DENIED
    assert rules.decide("user", SUBSCRIBE, "a.", PREFIX) is DENIED
    assert rules.decide("user", SUBSCRIBE, "x.", PREFIX) is DENIED
    assert rules.decide("user", SUBSCRIBE, "b.", PREFIX) is ALLOWED


def test_without_a_preset_nothing_is_said() -> None:
    assert Permissions.starting_from(None).decide("user", CALL, "a") is UNSAID


def test_another_preset_is_a_configuration_error() -> None:
    preset: Any = "open"

    with pytest.raises(ConfigurationError, match="takes OPEN"):
        Permissions.starting_from(preset)


# What permit refuses


@pytest.mark.parametrize(
    ("uri", "arguments", "advice"),
    [
        ("a", {"match": "regex", "call": True}, '"exact", "prefix" or "wildcard"'),
        ("a.", {"call": True}, "no exact URI"),
        ("a..b", {"match": "prefix", "call": True}, "no prefix URI"),
        ("a b", {"match": "wildcard", "call": True}, "no wildcard URI"),
        ("", {"call": True}, "no exact URI"),
        (7, {"call": True}, "no exact URI"),
        ("a", {}, "says nothing"),
        ("a", {"roles": ["admin"]}, "says nothing"),
        ("a", {"call": True, "roles": "admin"}, r"roles=\['admin'\]"),
        ("a", {"call": True, "roles": 7}, r"roles=\[7\]"),
        ("a", {"call": True, "roles": []}, "names of roles"),
        ("a", {"call": True, "roles": [""]}, "names of roles"),
        ("a", {"call": True, "roles": [7]}, "names of roles"),
        ("a", {"call": False, "roles": ["guest"]}, "leave it out to deny everybody"),
        ("a", {"call": "own"}, "call= takes True, False or None"),
        ("a", {"call": 1}, "call= takes"),
        ("a", {"register": "mine"}, 'register= takes True, False, "own"'),
    ],
)
@pytest.mark.parametrize("statement", ["permit", "declare"])
def test_a_rule_that_makes_no_sense_is_refused_with_advice(
    rules: Permissions,
    statement: str,
    uri: Any,
    arguments: dict[str, Any],
    advice: str,
) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        getattr(rules, statement)(uri, **arguments)

    assert rules.decide("admin", CALL, "a") is UNSAID


# The authorizer's answers


@pytest.mark.parametrize(
    ("result", "decision"),
    [
        (True, Decision(True)),
        (False, Decision(False)),
        (Decision(True, disclose=True), Decision(True, disclose=True)),
        ({"allow": True}, Decision(True)),
        ({"allow": False, "cache": True}, Decision(False, cache=True)),
        (
            {"allow": True, "disclose": True, "cache": True, "validate": {}},
            Decision(True, disclose=True, cache=True),
        ),
    ],
)
def test_an_authorizer_answers_with_a_bool_a_decision_or_a_mapping(
    result: object, decision: Decision
) -> None:
    assert decision_from(result) == decision


@pytest.mark.parametrize(
    "result",
    [
        None,
        1,
        "yes",
        [True],
        {},
        {"allow": 1},
        {"allow": None},
        {"disclose": True},
        {"allow": True, "cache": "no"},
    ],
)
def test_any_other_answer_is_a_failure_and_no_grant(result: object) -> None:
    with pytest.raises(TypeError):
        decision_from(result)


def test_a_decision_holds_bools_only() -> None:
    allow: Any = "no"

    with pytest.raises(TypeError, match="allow"):
        Decision(allow)


KEEP = Decision(True, cache=True)


def test_a_decision_is_kept_only_if_it_says_so() -> None:
    decisions = DecisionCache().of("session")

    decisions.put(CALL, "a", EXACT, Decision(True))
    decisions.put(CALL, "b", EXACT, KEEP)

    assert decisions.get(CALL, "a") is None
    assert decisions.get(CALL, "b") == KEEP


def test_a_decision_is_kept_for_its_session_action_uri_and_match_only() -> None:
    """By session, too: an authorizer may look at the authid."""
    cache = DecisionCache()
    cache.of("session").put(SUBSCRIBE, "a", PREFIX, KEEP)

    assert cache.of("session").get(SUBSCRIBE, "a", PREFIX) == KEEP
    assert cache.of("session").get(SUBSCRIBE, "a", EXACT) is None
    assert cache.of("session").get(REGISTER, "a", PREFIX) is None
    assert cache.of("session").get(SUBSCRIBE, "b", PREFIX) is None
    assert cache.of("other").get(SUBSCRIBE, "a", PREFIX) is None


@pytest.mark.parametrize(("dropped", "other_kept"), [("session", True), (None, False)])
def test_drop_forgets_one_session_or_all(dropped: str | None, other_kept: bool) -> None:
    cache = DecisionCache()
    for session in ("session", "other"):
        cache.of(session).put(CALL, "a", EXACT, KEEP)

    cache.drop(dropped)

    assert cache.of("session").get(CALL, "a") is None
    assert (cache.of("other").get(CALL, "a") is not None) is other_kept


def test_dropping_a_session_that_is_not_there_is_harmless() -> None:
    DecisionCache().drop("session")


def test_an_answer_to_a_question_from_before_a_drop_is_not_kept() -> None:
    cache = DecisionCache()
    asked = cache.of("session")

    cache.drop("session")
    asked.put(CALL, "a", EXACT, KEEP)

    assert cache.of("session").get(CALL, "a") is None


def test_a_session_keeps_a_bounded_number_of_decisions_the_newest() -> None:
    cache = DecisionCache(limit=2)
    decisions = cache.of("session")

    for uri in ("a", "b", "b", "c"):
        decisions.put(CALL, uri, EXACT, KEEP)

    kept = [uri for uri in ("a", "b", "c") if decisions.get(CALL, uri)]
    assert kept == ["b", "c"]


def test_a_cache_without_room_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        DecisionCache(limit=0)
