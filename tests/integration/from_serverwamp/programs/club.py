"""A club with realms of its own: guests, and members who are known by a cookie."""

import serverwamp
from aiohttp import web

MEMBERS = {"cookie-of-ann": {"name": "Ann"}, "cookie-of-bob": {"name": "Bob"}}

reception = serverwamp.RPCRouteSet()
bar = serverwamp.RPCRouteSet()


@reception.route("opening.hours")
async def opening_hours(session):
    return f"10 to 12 for {session.realm.uri}, {session.identity}"


@bar.route("order")
async def order(drink: str, session):
    session["ordered"] = drink
    return f"{drink} for {session.identity['name']}"


@bar.route("bill")
async def bill(session):
    if "ordered" in session:
        del session["waiting"]
        return session["ordered"]
    session["waiting"] = True
    return f"nothing, {len(session)} entry"


async def by_header(session):
    headers = dict(session.connection.transport_info["http_headers_raw"])
    return headers.get(b"X-Founder") == b"yes" and {"name": "the founder"}


async def by_cookie(session):
    cookies = session.connection.transport_info["http_cookies"]
    return MEMBERS.get(cookies.get("member"))


async def only_here(session):
    if session.connection.transport_info["peer_address"] != "127.0.0.1":
        return None
    return "somebody in the house"


def make_app():
    guests = serverwamp.Realm("guests")
    guests.add_rpc_routes(reception)

    members = serverwamp.Realm("members")
    members.add_transport_authenticator(by_header)
    members.add_transport_authenticator(by_cookie)
    members.add_rpc_routes(bar)

    staff = serverwamp.Realm("staff")
    staff.add_transport_authenticator(only_here)
    staff.add_rpc_routes(reception)

    wamp = serverwamp.Application(allow_default_realm=False)
    for realm in (guests, members, staff):
        wamp.add_realm(realm)
    http = web.Application()
    http.add_routes([web.get("/", wamp.aiohttp_websocket_handler())])
    return http
