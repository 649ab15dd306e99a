"""A gateway: one handler each for signing in, for all calls and for all topics."""

import serverwamp
from aiohttp import web

USERS = {"ann": "a lovely secret"}


async def sign_in(session):
    query = session.connection.transport_info["http_query_string"]
    if session.auth_id not in USERS or "ticket" not in session.auth_methods:
        await session.abort("gateway.error.stranger", message="who are you?")
        return
    if query != f"key={USERS[session.auth_id]}":
        await session.abort("wamp.error.authentication_failed")
        return
    session["signed in"] = True
    await session.mark_authenticated({"name": session.auth_id})


async def guest(session):
    await session.mark_authenticated()


async def forward(request):
    if request.uri.startswith("closed."):
        return serverwamp.RPCErrorResult("gateway.error.closed", args=(request.uri,))
    who = request.session.identity
    return serverwamp.RPCResult(
        args=(request.uri, *request.args), kwargs={**request.kwargs, "who": who}
    )


async def stream(rpc_request):
    for step in rpc_request.args:
        yield serverwamp.RPCProgressReport(args=(step,))
    yield serverwamp.RPCResult(args=("done",))


async def accompany(topic, session):
    if not topic.startswith("open."):
        raise serverwamp.SubscribeError("wamp.error.not_authorized")
    await session.send_event(topic, args=("welcome",))
    yield


def make_app():
    wamp = serverwamp.Application()
    wamp.set_rpc_handler(stream)
    wamp.set_authentication_handler(guest)
    inner = serverwamp.Realm("inner")
    inner.set_authentication_handler(sign_in)
    inner.set_rpc_handler(forward)
    inner.set_subscription_handler(accompany)
    wamp.add_realm(inner)
    http = web.Application()
    http.add_routes([web.get("/", wamp.aiohttp_websocket_handler())])
    return http
