"""A lending library: all kinds of routes, typed arguments, default args, a lifespan."""

import logging
from datetime import date
from decimal import Decimal

import serverwamp
from aiohttp import web

logger = logging.getLogger(__name__)

books = serverwamp.RPCRouteSet()
shelves = serverwamp.RPCRouteSet()


class Shelf:
    def __init__(self):
        self.titles = {1: "Emma", 2: "Persuasion"}
        self.fines = Decimal(0)


@books.route("book.find")
async def find(number: int, shelf):
    if number not in shelf.titles:
        return serverwamp.RPCErrorResult(
            "library.error.unknown", args=[number], kwargs={"known": [1, 2]}
        )
    return {"number": number, "title": shelf.titles[number]}


@books.route("book.all")
async def all_books(shelf):
    return list(shelf.titles.values())


@books.route("book.lend")
async def lend(number: int, until: str, *, renew: bool = False, session, ids):
    session["lent"] = session["lent"] + 1
    return serverwamp.RPCResult(
        args=(ids, number), kwargs={"until": until, "renew": renew}
    )


@books.route("book.lent")
async def lent(session):
    return session["lent"]


@books.route("book.fine")
async def fine(days: int, rate: float = 0.5):
    return days * rate


@books.route("book.forget")
async def forget():
    return None


@books.route("book.pair")
async def pair():
    return "Sense", "Sensibility"


@books.route("book.count")
async def count(*titles: str, **more: int):
    return serverwamp.RPCResult([len(titles), sum(more.values())])


@books.route("book.burn")
async def burn():
    raise RuntimeError("not in this house")


@shelves.prefix_route("shelf.")
async def shelf_of(request: serverwamp.RPCRequest, *args, **kwargs):
    return f"{request.uri} {[*request.args]} {dict(request.kwargs)}"


@shelves.regex_route(r"room\.[a-z]+\.open")
async def open_room(request, hour: int = 9):
    return f"{request.uri} at {hour}"


async def greet(session, shelf):
    session["lent"] = 0
    shelf.seen = getattr(shelf, "seen", 0) + 1
    yield
    logger.info("lent %s", session["lent"])


def make_app():
    shelf, tickets = Shelf(), iter(range(100, 200))
    wamp = serverwamp.Application()
    wamp.add_rpc_routes(books)
    wamp.add_rpc_routes([*shelves])
    wamp.set_default_arg("shelf", shelf)
    wamp.set_default_arg("ids", factory=lambda: next(tickets))
    wamp.add_session_lifespan_handler(greet)
    http = web.Application()
    http.add_routes((web.get("/", wamp.aiohttp_websocket_handler()),))
    http.add_routes((web.get("/today", today),))
    return http


async def today(request):
    return web.json_response(date.today().isoformat())
