"""A team's task board: the example of an application built on aiohttp-serverwamp."""
