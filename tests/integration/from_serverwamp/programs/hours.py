"""Every event of a session's life, told by handlers under both names."""

import serverwamp
from aiohttp import web

api = serverwamp.RPCRouteSet()
diary: list[str] = []


@api.route("diary")
async def read():
    return serverwamp.RPCResult(list(diary))


async def from_hello(session):
    session["hello"] = "heard"
    diary.append(f"hello, open: {session.is_open}")
    yield
    diary.append("gone")


async def from_welcome(session):
    diary.append(f"welcome, open: {session.is_open}, {session['hello']}")
    yield
    diary.append("goodbye")


async def judge(session):
    diary.append(f"judged, {session['hello']}")
    return session.auth_id != "nobody" and {"id": session.auth_id}


async def refuse(session):
    raise RuntimeError("closed today")
    yield


def make_app():
    diary.clear()
    wamp = serverwamp.Application()
    wamp.add_rpc_routes(api)
    wamp.add_transport_authenticator(judge)
    wamp.add_session_state_handler(from_hello, authenticated_only=False)
    wamp.add_session_lifespan_handler(from_welcome)
    for name, authenticated_only in (("before", False), ("after", True)):
        realm = serverwamp.Realm(f"closed.{name}")
        realm.add_session_lifespan_handler(refuse, authenticated_only)
        wamp.add_realm(realm)
    http = web.Application()
    http.add_routes([web.get("/", wamp.aiohttp_websocket_handler())])
    return http
