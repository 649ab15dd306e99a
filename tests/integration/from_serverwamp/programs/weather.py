"""A weather station: handlers accompany subscriptions and send events to sessions."""

import asyncio

import serverwamp
from aiohttp import web

topics = serverwamp.TopicRouteSet()
api = serverwamp.RPCRouteSet()


@topics.route("wind")
async def wind(session, watchers):
    # What is sent before the yield follows SUBSCRIBED.
    await session.send_event("wind", args=["calm"], kwargs={"knots": 0})
    watchers.add(session)
    yield
    watchers.discard(session)


@topics.prefix_route("rain.")
async def rain(topic_uri, session):
    place = topic_uri.removeprefix("rain.")
    yield
    session["wet"] = place


@topics.regex_route(r"sun\.\d+")
async def sun(topic_uri: str, session):
    if topic_uri == "sun.0":
        raise serverwamp.SubscribeError("weather.error.night")
    await session.spawn_task(shine, session, topic_uri, times=2)
    yield


@topics.route("fog")
async def fog():
    raise RuntimeError("nothing to be seen")
    yield


async def shine(session, topic, times):
    for hour in range(times):
        await asyncio.sleep(0)
        await session.send_event(topic, (hour,), None, 3)


@api.route("measure")
async def measure(knots: int, watchers):
    for session in list(watchers):
        await session.send_event("wind", args=["breeze"], kwargs={"knots": knots})
    return len(watchers)


@api.route("wet")
async def wet(session):
    return session["wet"]


def make_app():
    wamp = serverwamp.Application()
    wamp.add_topic_routes(topics)
    wamp.add_rpc_routes(api)
    wamp.set_default_arg("watchers", set())
    http = web.Application()
    http.add_routes([web.get("/", wamp.aiohttp_websocket_handler())])
    return http
