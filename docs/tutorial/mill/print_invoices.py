import asyncio

import aiohttp
from aiohttp_serverwamp.testing import connect



async def main() -> None:
    async with aiohttp.ClientSession("http://localhost:8080") as http:
        await http.post("/login", data={"name": "ann"})
        async with connect(http, realm="mill") as client:
            for guest in ("Cleo", "Dirk"):
                await client.call("booking.make", guest, "2030-05-01")
            count = await client.call("invoice.print_all", on_progress=print)
            print(count, "invoices")


asyncio.run(main())
