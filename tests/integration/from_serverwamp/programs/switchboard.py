"""A switchboard that answers calls itself, below all routing."""

import serverwamp
from aiohttp import web
from serverwamp.protocol import WAMPRPCRequest


async def answer(request: WAMPRPCRequest, session):
    results = [request.uri, list(request.args), session.id]
    await session.send_raw([50, request.request_id, {}, results])


def make_app():
    wamp = serverwamp.Application(protocol_request_handlers={WAMPRPCRequest: answer})
    http = web.Application()
    http.add_routes([web.get("/", wamp.aiohttp_websocket_handler())])
    return http
