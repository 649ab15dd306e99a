"""What publications can have besides arguments, as far as each client knows of it."""

from __future__ import annotations

from itertools import pairwise

from tests.interop.clients import LIBRARIES, each_library, name_of
from tests.interop.drivers import Cast
from tests.interop.processes import Server
from tests.interop.remote_client import ACKNOWLEDGED, Event, RemoteClient, error_of

#: Sends any option and shows every detail.
XCONN = "xconn-msgpack"

PASSTHRU = {"ppt_scheme": "x_tests", "ppt_serializer": "msgpack"}
NEIGHBOUR = dict(pairwise([*LIBRARIES, LIBRARIES[0]]))


async def heard(listener: RemoteClient, last: str = "end") -> list[str]:
    """Return what the events say until the one that says `last`."""
    said: list[str] = []
    while (event := await listener.event()).args != [last]:
        said += event.args
    return said


@each_library()
async def test_a_publisher_chooses_who_hears(
    cast: Cast, server: Server, client: str
) -> None:
    """By session, by user and by role; also wampy's ids, which are floats."""
    # given
    telling = await cast.member(server, client, "joe")
    joe, zoe, ann = [
        await cast.member(server, NEIGHBOUR[client], authid)
        for authid in ("joe", "zoë", "ann")
    ]
    for listener in (joe, zoe, ann):
        await listener.subscribe("members.topic")
    # when
    for name, value in {
        "exclude": [joe.welcome["session"]],
        "eligible": [joe.welcome["session"], zoe.welcome["session"]],
        "exclude_authid": ["zoë"],
        "eligible_authid": ["zoë", "ann"],
        "exclude_authrole": ["guest"],
        "eligible_authrole": ["guest"],
    }.items():
        await telling.publish("members.topic", name, options={name: value})
    await telling.publish("members.topic", "end")
    # then
    by_joe = ["eligible", "exclude_authid", "exclude_authrole"]
    by_zoe = ["exclude", "eligible", "eligible_authid", "exclude_authrole"]
    by_ann = ["exclude", "exclude_authid", "eligible_authid", "eligible_authrole"]
    assert await heard(joe) == by_joe
    assert await heard(zoe) == by_zoe
    assert await heard(ann) == by_ann


@each_library("hearing itself")
async def test_a_publisher_hears_itself_if_it_wishes(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    telling = await cast.joined(server, client, "lab")
    await telling.subscribe("lab.topic")
    # when
    await telling.publish("lab.topic", "others", options=ACKNOWLEDGED)
    options = {"exclude_me": False, "acknowledge": True}
    await telling.publish("lab.topic", "everybody", options=options)
    await telling.call("wamp.session.count")
    # then
    assert telling.has_noted("event")
    assert await telling.event() == Event("lab.topic", ["everybody"])


@each_library("disclosing itself")
async def test_a_publisher_makes_itself_known(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    listening = await cast.joined(server, XCONN, "lab")
    telling = await cast.joined(server, client, "lab")
    await listening.subscribe("lab.topic")
    # when
    await telling.publish("lab.topic", options={"disclose_me": True})
    # then
    assert (await listening.event()).details == {
        "publisher": telling.welcome["session"],
        "publisher_authid": telling.welcome["authid"],
        "publisher_authrole": "anonymous",
    }


@each_library()
async def test_a_subscriber_sees_who_publishes_if_they_wish(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    listening = await cast.joined(server, client, "lab")
    telling = await cast.joined(server, XCONN, "lab")
    await listening.subscribe("lab.topic")
    # when
    for disclose_me in (True, False):
        await telling.publish("lab.topic", options={"disclose_me": disclose_me})
    # then
    known, unknown = [(await listening.event()).details for _ in range(2)]
    assert known["publisher"] == telling.welcome["session"]
    assert known["publisher_authid"] == telling.welcome["authid"]
    assert "publisher" not in unknown


@each_library("trust levels")
async def test_a_subscriber_sees_how_far_an_event_is_trusted(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    listening = await cast.member(server, client, "joe")
    await listening.subscribe("members.topic")
    # when
    for authid in ("joe", "ann"):
        telling = await cast.member(server, XCONN, authid)
        await telling.publish("members.topic", options=ACKNOWLEDGED)
    # then
    levels = [(await listening.event()).details.get("trustlevel") for _ in range(2)]
    assert levels == [5, 1]


@each_library("retaining")
async def test_a_publisher_has_its_last_event_kept(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    telling = await cast.joined(server, client, "lab")
    topic = f"lab.retained.by.{name_of(client)}"
    for word in ("old", "new"):
        await telling.publish(topic, word, options={"retain": True})
    await telling.publish(topic, "fleeting", options=ACKNOWLEDGED)
    # when
    listening = await cast.joined(server, NEIGHBOUR[client], "lab")
    await listening.subscribe(topic, get_retained=True)
    await listening.call("wamp.session.count")
    # then
    assert listening.has_noted("event")
    event = await listening.event()
    assert (event, event.details["retained"]) == (Event(topic, ["new"]), True)


@each_library()
async def test_a_subscriber_asks_for_the_last_event(
    cast: Cast, server: Server, client: str
) -> None:
    """Also by a pattern; what comes live is not marked."""
    # given
    telling = await cast.joined(server, XCONN, "lab")
    topic = f"lab.retained.for.{name_of(client)}"
    options = {"retain": True, "acknowledge": True}
    await telling.publish(topic, "kept", options=options)
    listening = await cast.joined(server, client, "lab")
    # when
    await listening.subscribe(topic, get_retained=True)
    await listening.subscribe(topic[:-1], match="prefix", get_retained=True)
    events = [await listening.event() for _ in range(2)]
    await telling.publish(topic, "live")
    events += [await listening.event() for _ in range(2)]
    # then
    assert events == [Event(topic, ["kept"])] * 2 + [Event(topic, ["live"])] * 2
    retained = [event.details.get("retained", False) for event in events]
    assert retained == [True, True, False, False]


@each_library("payload passthru")
async def test_events_pass_through_that_the_router_does_not_read(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    kind = f"{name_of(client)}-msgpack"
    one, other = [await cast.joined(server, each, "lab") for each in (kind, XCONN)]
    for telling, listening in ((other, one), (one, other)):
        await listening.subscribe("lab.sealed")
        # when
        await telling.publish("lab.sealed", 1, options=PASSTHRU, key="two")
        # then
        event = await listening.event()
        assert event == Event("lab.sealed", [1], {"key": "two"})
        assert event.details == PASSTHRU
        await listening.unsubscribe("lab.sealed")


@each_library()
async def test_a_client_goes_on_when_rights_have_been_taken_away(
    cast: Cast, server: Server, client: str
) -> None:
    """PIT-22: UNSUBSCRIBED and UNREGISTERED that nobody has asked for."""
    # given
    member = await cast.member(server, client, "joe")
    other = await cast.member(server, NEIGHBOUR[client], "zoë")
    await member.register("desk.procedure")
    await member.subscribe("desk.topic")
    # when
    await member.call("be.demoted")
    # then
    await other.publish("desk.topic", options=ACKNOWLEDGED)
    gone = await error_of(other.call("desk.procedure"))
    assert gone.uri == "wamp.error.no_such_procedure"
    refused = await error_of(member.subscribe("desk.another"))
    assert refused.uri == "wamp.error.not_authorized"
    assert not member.has_noted("event")
