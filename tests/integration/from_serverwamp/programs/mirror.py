"""Shows clients what the server knows of their transport."""

import base64

import serverwamp
from aiohttp import web

api = serverwamp.RPCRouteSet()


@api.route("mirror")
async def mirror(key: str, session):
    value = session.connection.transport_info.get(key)
    return serverwamp.RPCResult([type(value).__name__, shown(value)])


@api.route("names")
async def names(session):
    return serverwamp.RPCResult([sorted(session.connection.transport_info)])


def shown(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, tuple | list):
        return sorted(str(item) for item in value)
    return dict(value) if hasattr(value, "items") else value


def make_app():
    wamp = serverwamp.Application()
    wamp.add_rpc_routes(api)
    http = web.Application()
    http.add_routes([web.get("/{name}", wamp.aiohttp_websocket_handler())])
    return http
