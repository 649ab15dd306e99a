"""What a joined client's messages do: check, permission, broker or dealer, reply.

One function a message type, the rows of the ESTABLISHED state. They raise
`ApplicationError` for what gets an ERROR and `ProtocolViolation` for what ends the
session; `RouterSession` answers both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiohttp_serverwamp.errors import (
    ApplicationError,
    AuthorizationFailed,
    NoSuchProcedure,
    NotAuthorized,
    ProtocolViolation,
    RuntimeFailure,
)
from aiohttp_serverwamp.messages import (
    Call,
    Cancel,
    Error,
    Invocation,
    Message,
    Publish,
    Published,
    Register,
    Registered,
    Subscribe,
    Subscribed,
    Unregister,
    Unregistered,
    Unsubscribe,
    Unsubscribed,
    Yield,
)
from aiohttp_serverwamp.router import cancelling
from aiohttp_serverwamp.router.authorization import Verdict
from aiohttp_serverwamp.router.decisions import Decision, decision_from
from aiohttp_serverwamp.router.permission_rules import Action
from aiohttp_serverwamp.router.progressive_calls import continue_call
from aiohttp_serverwamp.uris import GET_EVENTS, Match, shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["ANSWERS", "REQUESTS", "check_content", "may_publish", "may_subscribe"]

logger = logging.getLogger("aiohttp_serverwamp.router")

M = TypeVar("M", Call, Publish, Register, Subscribe)
Perform = Callable[["RouterSession", M, Decision], None]

_GRANTED: Final = Decision(allow=True)


# --- Requests: answered each, handled in the order received -----------------------


def publish(session: RouterSession, message: Publish) -> None:
    """PUBLISH → PUBLISHED if asked for, and EVENTs."""
    session.router.broker.check_publish(session, message)
    if not may_publish(session, message.topic):
        raise _not_authorized(session, Action.PUBLISH, message.topic)
    if session.router.rate_limits is not None:
        session.router.rate_limits.check_publish(session, message.topic)
    _authorize(session, message, Action.PUBLISH, message.topic, _publish)


def check_content(session: RouterSession, message: Publish) -> None:
    """Raise what is wrong with the payload of a publication that is permitted.

    Where the session may not retain, the event is published all the same, and just not
    retained (REQ-PUB-066).
    """
    session.router.broker.check_payload(message)
    if (
        "retain" in message.options
        and _verdict(session, Action.RETAIN, message.topic) is not Verdict.ALLOWED
    ):
        del message.options["retain"]


def _publish(session: RouterSession, message: Publish, decision: Decision) -> None:
    # Hot path.
    if message.options or session.router.broker.payloads is not None:
        check_content(session, message)
    acknowledge = message.options.get("acknowledge", False)

    def accepted(publication: int) -> None:
        session.send(Published(message.request, publication))

    session.router.broker.publish(
        session,
        message,
        disclose=decision.disclose,
        accepted=accepted if acknowledge else None,
    )


def subscribe(session: RouterSession, message: Subscribe) -> None:
    """SUBSCRIBE → SUBSCRIBED, once the hosted handler of the topic agrees."""
    match = message.options.get("match", Match.EXACT)
    session.router.broker.check_topic(message.topic, match)
    if not may_subscribe(session, message.topic, match):
        raise _not_authorized(session, Action.SUBSCRIBE, message.topic)
    _authorize(session, message, Action.SUBSCRIBE, message.topic, _subscribe, match)


def _subscribe(session: RouterSession, message: Subscribe, decision: Decision) -> None:
    router = session.router
    match = message.options.get("match", Match.EXACT)
    get_retained = message.options.get("get_retained", False)
    held = router.broker.find(session, message.topic, match)
    if held is not None:
        session.send(Subscribed(message.request, held.id))
        if get_retained:
            router.broker.send_retained(session, held)
        return
    hosted = router.hosted_topics
    life = hosted.life(session, message.topic, match) if hosted is not None else None
    subscription = router.broker.subscribe(
        session, message.topic, match, told=life is None
    )
    if life is None:
        session.send(Subscribed(message.request, subscription.id))
        if get_retained:
            router.broker.send_retained(session, subscription)
        return
    session.hold_events(subscription.id)
    if get_retained:
        # Before what is published while the handler makes up its mind.
        router.broker.send_retained(session, subscription)
    session.accompany(
        life,
        message,
        partial(_settle_subscription, session, message, subscription.id),
        subscription.id,
    )


def _settle_subscription(
    session: RouterSession,
    message: Subscribe,
    subscription: int,
    error: Exception | None,
) -> None:
    if subscription not in session.brokering.subscriptions:
        raise _not_authorized(
            session, Action.SUBSCRIBE, message.topic, "its role has changed"
        )
    if error is None:
        session.send(Subscribed(message.request, subscription))
        session.release_events(subscription)
        session.router.broker.settle(session, subscription)
        return
    session.drop_events(subscription)
    session.router.broker.unsubscribe(session, subscription)
    raise error if isinstance(error, ApplicationError) else RuntimeFailure()


def unsubscribe(session: RouterSession, message: Unsubscribe) -> None:
    """UNSUBSCRIBE → UNSUBSCRIBED; the rest of the hosted handler runs."""
    session.router.broker.unsubscribe(session, message.subscription)
    session.send(Unsubscribed(message.request))
    session.companions.end(message.subscription)


def register(session: RouterSession, message: Register) -> None:
    """REGISTER → REGISTERED."""
    session.router.dealer.check_register(session, message)
    match = message.options.get("match", Match.EXACT)
    verdict = _verdict(session, Action.REGISTER, message.procedure, match)
    if verdict not in (Verdict.ALLOWED, Verdict.ALLOWED_OWN):
        raise _not_authorized(session, Action.REGISTER, message.procedure)
    own = verdict is Verdict.ALLOWED_OWN
    perform = partial(_register, own=own)
    _authorize(session, message, Action.REGISTER, message.procedure, perform, match)


def _register(
    session: RouterSession, message: Register, decision: Decision, *, own: bool
) -> None:
    registration = session.router.dealer.register(session, message, own=own)
    session.send(Registered(message.request, registration.id))


def unregister(session: RouterSession, message: Unregister) -> None:
    """UNREGISTER → UNREGISTERED."""
    session.router.dealer.unregister(session, message.registration)
    session.send(Unregistered(message.request))


def call(session: RouterSession, message: Call) -> None:
    """CALL → INVOCATION, and later RESULT or ERROR."""
    # Hot path.
    dealing = session.dealing
    if message.request in dealing.calls or (
        dealing.unfinished and message.request in dealing.unfinished
    ):
        strict = session.host.strict_request_ids
        continue_call(session, message, strict=strict)
        return
    session.router.dealer.check_call(session, message)
    verdict = _verdict(session, Action.CALL, message.procedure)
    if verdict is Verdict.UNSAID:
        # Of a history the procedure itself looks who may have it (REQ-PUB-051).
        if message.procedure != GET_EVENTS:
            _check_fallback(session, message.procedure)
    elif verdict is not Verdict.ALLOWED:
        session.router.dealer.check_procedure(message.procedure)
        raise _not_authorized(session, Action.CALL, message.procedure)
    if session.router.rate_limits is not None:
        session.router.rate_limits.check_call(session, message.procedure)
    _authorize(session, message, Action.CALL, message.procedure, _call)


def _call(session: RouterSession, message: Call, decision: Decision) -> None:
    session.router.dealer.call(session, message, disclose=decision.disclose)


def _check_fallback(session: RouterSession, procedure: str) -> None:
    """Raise unless a fallback of hosted code, which no rule can name, takes the call.

    What the session may not call looks like what does not exist (REQ-ERR-005).
    """
    registration = session.router.dealer.find_fallback(procedure)
    if registration is None:
        raise NoSuchProcedure(f"no procedure {procedure} is registered")
    if registration.roles is not None and session.authrole not in registration.roles:
        raise _not_authorized(session, Action.CALL, procedure)


# --- Answers and cancelling: handled at once --------------------------------------


def cancel(session: RouterSession, message: Cancel) -> None:
    """CANCEL → INTERRUPT, ERROR, both or neither, by its mode."""
    if not session.requests.cancel(message.request):
        cancelling.cancel(session, message)


def yield_(session: RouterSession, message: Yield) -> None:
    """YIELD → RESULT at the caller."""
    session.router.dealer.yield_(session, message)


def error(session: RouterSession, message: Error) -> None:
    """ERROR to an INVOCATION → ERROR at the caller."""
    if message.request_type != Invocation.CODE:
        raise ProtocolViolation("ERROR of a request that this router never makes")
    session.router.dealer.error(session, message)


#: Handled in order: while one waits for a decision, the later ones wait behind it.
REQUESTS: Final[dict[type[Message], Callable[[RouterSession, Any], None]]] = {
    Publish: publish,
    Subscribe: subscribe,
    Unsubscribe: unsubscribe,
    Call: call,
    Register: register,
    Unregister: unregister,
}

#: Handled at once, whatever waits.
ANSWERS: Final[dict[type[Message], Callable[[RouterSession, Any], None]]] = {
    Cancel: cancel,
    Yield: yield_,
    Error: error,
}


# --- Permission -------------------------------------------------------------------


def may_publish(session: RouterSession, topic: str) -> bool:
    """Tell whether the rules let a session publish."""
    return _verdict(session, Action.PUBLISH, topic) is Verdict.ALLOWED


def may_subscribe(session: RouterSession, topic: str, match: Match) -> bool:
    """Tell whether the rules let a session subscribe."""
    verdict = _verdict(session, Action.SUBSCRIBE, topic, match)
    hosted = session.router.hosted_topics
    if verdict is Verdict.UNSAID and hosted is not None:
        # No rule can name an expression; the fallback that takes the topic permits it.
        return hosted.admits(session, topic, match)
    return verdict is Verdict.ALLOWED


def _verdict(
    session: RouterSession, action: Action, uri: str, match: Match = Match.EXACT
) -> Verdict:
    return session.router.permissions.decide(session.authrole, action, uri, match)


def _not_authorized(
    session: RouterSession, action: Action, uri: str, by: str = "no rule allows it"
) -> NotAuthorized:
    """Return the refusal, and tell the log what a developer would look for."""
    logger.debug(
        "session %s: role %r may not %s %s: %s (see Realm.permit, and roles= and "
        "publish= of routes)",
        session.id,
        session.authrole,
        action,
        shown(uri),
        by,
    )
    return NotAuthorized(f"not authorized to {action} {uri}")


def _authorize(
    session: RouterSession,
    message: M,
    action: Action,
    uri: str,
    perform: Perform[M],
    match: Match = Match.EXACT,
) -> None:
    """Perform what the rules allow, unless the realm's authorizer denies it."""
    authorizer = session.router.authorizer
    if authorizer is None:
        perform(session, message, _GRANTED)
        return
    decisions = session.router.decisions.of(session)
    known = decisions.get(action, uri, match)
    if known is not None:
        _decided(session, message, action, uri, perform, known)
        return

    def awaited(answer: Any, failure: Exception | None) -> None:
        if session.router.decisions.of(session) is decisions:
            answered(answer, failure)
        else:
            # The answer, and what the rules said, were about who the session was then.
            REQUESTS[type(message)](session, message)

    def answered(answer: Any, failure: Exception | None) -> None:
        if failure is not None:
            raise _authorizer_failed(session, failure) from failure
        try:
            decision = decision_from(answer)
        except TypeError as wrong:
            raise _authorizer_failed(session, wrong) from wrong
        decisions.put(action, uri, match, decision)
        _decided(session, message, action, uri, perform, decision)

    try:
        answer = authorizer(session.public(), action, uri, message.options)
    except Exception as failure:
        raise _authorizer_failed(session, failure) from failure
    if isawaitable(answer):
        session.requests.limit_time(message)
        session.requests.await_for(message, answer, awaited)
    else:
        answered(answer, None)


def _decided(
    session: RouterSession,
    message: M,
    action: Action,
    uri: str,
    perform: Perform[M],
    decision: Decision,
) -> None:
    if not decision.allow:
        raise _not_authorized(session, action, uri, "the authorizer denies it")
    perform(session, message, decision)


def _authorizer_failed(
    session: RouterSession, failure: Exception
) -> AuthorizationFailed:
    logger.error("session %s: the authorizer failed", session.id, exc_info=failure)
    return AuthorizationFailed()
