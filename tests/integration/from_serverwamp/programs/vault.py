"""A vault: tickets for porters, signed challenges for owners."""

import hmac

import serverwamp
from aiohttp import web
from serverwamp.application import CRAAuthRequirement

TICKETS = {"porter": "of brass"}
SECRETS = {"owner": b"of gold"}

api = serverwamp.RPCRouteSet()


@api.route("who")
async def who(session):
    return f"{session.auth_id} is {session.identity}"


async def check_ticket(session, ticket):
    known = TICKETS.get(session.auth_id, "")
    return known and hmac.compare_digest(known, ticket) and "a porter"


async def requirement(session):
    secret = SECRETS[session.auth_id]
    return CRAAuthRequirement(secret, "keyholder", "the vault")


async def owner(session):
    return f"an owner, {session.auth_id}"


def make_app():
    wamp = serverwamp.Application()
    wamp.set_ticket_authenticator(authenticator=check_ticket)
    wamp.set_cra_handlers(requirement_provider=requirement, identity_provider=owner)
    wamp.add_rpc_routes(api)
    http = web.Application()
    http.add_routes([web.get("/", wamp.aiohttp_websocket_handler())])
    return http
