import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import aiohttp_serverwamp as serverwamp
import aiohttp_session
from aiohttp import web
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from cryptography.fernet import Fernet

api = serverwamp.RPCRouteSet()
FORM = """<!doctype html>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>The Old Mill</title>
<form method="post" action="/login">
  <input name="name" placeholder="Your name" required>
  <button>Sign in</button>
</form>
"""


async def page(request: web.Request) -> web.StreamResponse:
    http_session = await aiohttp_session.get_session(request)
    if "user" not in http_session:
        return web.Response(text=FORM, content_type="text/html")
    return web.FileResponse(Path(__file__).with_name("index.html"))


async def login(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    http_session = await aiohttp_session.new_session(request)
    http_session["user"] = str(form["name"])  # after checking a password
    raise web.HTTPSeeOther("/")


async def logout(request: web.Request) -> web.StreamResponse:
    (await aiohttp_session.get_session(request)).invalidate()
    raise web.HTTPSeeOther("/")


@dataclass
class Booking:
    guest: str
    day: date
    nights: int = 1


@dataclass
class House:
    bookings: list[Booking] = field(default_factory=list)


topics = serverwamp.TopicRouteSet()
topics.declare("booking.changed")


@api.route("booking.make")
async def make_booking(
    guest: str,
    day: date,
    nights: int = 1,
    *,
    house: House,
    session: serverwamp.Session,
) -> Booking:
    booking = Booking(guest, day, nights)
    house.bookings.append(booking)
    session.realm.publish("booking.changed", house.bookings)
    return booking


@api.route("booking.list")
async def list_bookings(house: House) -> list[Booking]:
    return house.bookings


OWNERS = {"ann"}


def person(user: str) -> serverwamp.Identity:
    return serverwamp.Identity(user, "owner" if user in OWNERS else "clerk")


def make_mill() -> serverwamp.Realm:
    mill = serverwamp.Realm("mill")
    mill.add_transport_authenticator(
        serverwamp.session_authenticator("user", load=person)
    )
    mill.set_default_arg("house", House())
    mill.add_routes(api)
    mill.add_routes(topics)
    mill.permit("desk.", match="prefix", subscribe=True, publish=True)
    return mill


class NoSuchBooking(serverwamp.ApplicationError):
    URI = "mill.error.no_such_booking"


@api.route("booking.cancel", roles=["owner"])
async def cancel_booking(
    guest: str, *, house: House, session: serverwamp.Session
) -> None:
    kept = [each for each in house.bookings if each.guest != guest]
    if len(kept) == len(house.bookings):
        raise NoSuchBooking(guest)
    house.bookings = kept
    session.realm.publish("booking.changed", house.bookings)


@api.route("booking.average")
async def average_nights(house: House) -> float:
    return sum(each.nights for each in house.bookings) / len(house.bookings)


@api.route("invoice.print_all", roles=["owner"])
async def print_invoices(house: House) -> AsyncIterator[object]:
    for number, booking in enumerate(house.bookings, 1):
        await asyncio.to_thread(print_invoice, booking)
        yield f"{number} of {len(house.bookings)}: {booking.guest}"
    yield serverwamp.RPCResult([len(house.bookings)])


def print_invoice(booking: Booking) -> None:
    time.sleep(0.5)  # a slow printer


def make_app() -> web.Application:
    app = web.Application()
    key = os.environ.get("MILL_KEY")
    storage = EncryptedCookieStorage(
        Fernet(key or Fernet.generate_key()),
        # With a key it runs behind the proxy; without one, on your desk.
        secure=key is not None,
        samesite="Lax",
    )
    aiohttp_session.setup(app, storage)
    app.router.add_get("/", page)
    app.router.add_post("/login", login)
    app.router.add_post("/logout", logout)
    wamp = serverwamp.Application(allow_default_realm=False)
    wamp.add_realm(make_mill())
    serverwamp.setup_wamp(app, wamp, trusted_proxies=["127.0.0.1"])
    return app


if __name__ == "__main__":
    web.run_app(make_app())
