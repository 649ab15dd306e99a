"""A long job: progress reports, a result at the end, or an error."""

import serverwamp
from aiohttp import web

jobs = serverwamp.RPCRouteSet()


@jobs.route("export")
async def export(pages: int, request):
    if not request.receive_progress:
        yield serverwamp.RPCErrorResult("export.error.ask_for_progress")
        return
    for page in range(pages):
        if page == 3:
            yield serverwamp.RPCErrorResult("export.error.paper", [page], {"of": pages})
            return
        yield serverwamp.RPCProgressReport(args=[page], kwargs={"of": pages})
    yield serverwamp.RPCResult(args=["report.pdf"], kwargs={"pages": pages})
    raise RuntimeError("nobody comes this far")


@jobs.route("jam")
async def jam():
    yield serverwamp.RPCProgressReport()
    raise RuntimeError("paper jam")


def make_app():
    wamp = serverwamp.Application()
    wamp.add_rpc_routes(jobs)
    http = web.Application()
    http.add_routes([web.get("/", wamp.aiohttp_websocket_handler())])
    return http
