import asyncio

import aiohttp
from aiohttp_serverwamp.testing import connect



async def main() -> None:
    async with aiohttp.ClientSession("http://localhost:8080") as http:
        async with connect(http, realm="mill") as client:
            print(await client.call("booking.make", "Ann", nights=2))


asyncio.run(main())
