import pytest
from aiohttp_serverwamp.errors import NotAuthorized
from aiohttp_serverwamp.testing import connect, serving
from app import make_app



async def test_everybody_hears_of_a_booking() -> None:
    async with serving(make_app()) as http:
        await http.post("/login", data={"name": "bob"})
        async with (
            connect(http, realm="mill") as desk,
            connect(http, realm="mill") as office,
        ):
            changes = await office.subscribe("booking.changed")

            await desk.call("booking.make", "Cleo", "2030-05-01")

            (bookings,) = (await changes.next()).args
            assert [each["guest"] for each in bookings] == ["Cleo"]


async def test_a_clerk_cannot_cancel() -> None:
    async with serving(make_app()) as http:
        await http.post("/login", data={"name": "bob"})
        async with connect(http, realm="mill") as bob:
            with pytest.raises(NotAuthorized):
                await bob.call("booking.cancel", "Cleo")
