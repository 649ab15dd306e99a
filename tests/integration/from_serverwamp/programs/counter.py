"""A counter that must not be interrupted, or may be."""

import asyncio

import serverwamp
from aiohttp import web

api = serverwamp.RPCRouteSet()


@api.route("step")
async def step(name: str, turns: int, log):
    log.append(f"{name} begins")
    for _ in range(turns):
        await asyncio.sleep(0)
    log.append(f"{name} ends")


@api.route("log")
async def read_log(log):
    return serverwamp.RPCResult(list(log))


def make_app(synchronize_requests):
    wamp = serverwamp.Application(synchronize_requests=synchronize_requests)
    wamp.add_rpc_routes(api)
    wamp.set_default_arg("log", [])
    http = web.Application()
    http.add_routes([web.get("/", wamp.aiohttp_websocket_handler())])
    return http
