"""The meta API, as the clients that people use ask it."""

from __future__ import annotations

from tests.interop.clients import each_library
from tests.interop.drivers import Cast
from tests.interop.processes import Server
from tests.interop.remote_client import ACKNOWLEDGED, Answer, Event, error_of


@each_library()
async def test_a_client_sees_who_comes_and_sends_them_away(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    watching = await cast.joined(server, client, "lab")
    await watching.subscribe("wamp.session.on_join")
    # when
    coming = await cast.joined(server, client, "lab")
    joined = await watching.event()
    # then
    [details] = joined.args
    session = details["session"]
    assert await watching.call("wamp.session.get", session) == Answer([details])
    [sessions] = (await watching.call("wamp.session.list", ["anonymous"])).args
    assert {session, watching.welcome["session"]} <= set(sessions)
    # when
    await watching.subscribe("wamp.session.on_leave")
    await watching.call("wamp.session.kill", session, reason="lab.close.enough")
    # then
    assert await coming.sent_away() == "lab.close.enough"
    left = [session, details["authid"], details["authrole"]]
    assert await watching.event() == Event("wamp.session.on_leave", left)
    gone = await error_of(watching.call("wamp.session.get", session))
    assert gone.uri == "wamp.error.no_such_session"


@each_library()
async def test_a_client_looks_up_what_is_there(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    asking = await cast.joined(server, client, "lab")
    await asking.register("lab.meta.echo")
    await asking.subscribe("lab.meta.news")
    # when
    [registration] = (
        await asking.call("wamp.registration.match", "lab.meta.echo")
    ).args
    [subscription] = (
        await asking.call("wamp.subscription.lookup", "lab.meta.news")
    ).args
    # then
    [details] = (await asking.call("wamp.registration.get", registration)).args
    assert details["uri"] == "lab.meta.echo"
    counted = await asking.call("wamp.subscription.count_subscribers", subscription)
    assert counted == Answer([1])
    missing = await asking.call("wamp.registration.lookup", "lab.meta.nothing")
    # To users of Autobahn one null is as good as no result.
    assert missing in (Answer([None]), Answer([]))


@each_library()
async def test_a_testament_is_published_once_its_client_has_gone(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    heir = await cast.joined(server, client, "lab")
    await heir.subscribe("lab.meta.will")
    leaving = await cast.joined(server, client, "lab")
    await leaving.call("wamp.session.add_testament", "lab.meta.will", ["bye"], {})
    # when
    await leaving.leave()
    # then
    assert await heir.event() == Event("lab.meta.will", ["bye"])


@each_library()
async def test_a_client_reads_what_has_been_published(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    asking = await cast.joined(server, client, "lab")
    topic = f"lab.log.{client}"
    for number in range(3):
        await asking.publish(topic, number, options=ACKNOWLEDGED, of="three")
    lookup = await asking.call(
        "wamp.subscription.lookup", "lab.log", {"match": "prefix"}
    )
    # when
    [events] = (
        await asking.call(
            "wamp.subscription.get_events",
            *lookup.args,
            topic=topic,
            reverse=True,
            limit=2,
        )
    ).args
    # then
    assert [(event["args"], event["kwargs"]) for event in events] == [
        ([number], {"of": "three"}) for number in (2, 1)
    ]
