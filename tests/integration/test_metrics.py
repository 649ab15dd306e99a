"""What Prometheus reads."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import ApplicationError, ConfigurationError, PrometheusObserver
from tests.sites import Site, site


def routes() -> serverwamp.RPCRouteSet:
    api = serverwamp.RPCRouteSet()

    @api.route("add")
    def add(a: int, b: int) -> int:
        return a + b

    @api.prefix_route("user.")
    def user() -> str:
        return "somebody"

    return api


def topics() -> serverwamp.TopicRouteSet:
    declared = serverwamp.TopicRouteSet()
    declared.declare("room.", match="prefix", publish=True)
    return declared


async def read(server: Site) -> dict[str, float]:
    async with server.http.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        lines = (await answer.text()).splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


async def test_metrics_are_one_line_away() -> None:
    registry = CollectorRegistry()
    async with (
        site(
            routes(),
            topics(),
            observers=[PrometheusObserver(registry)],
            pages=[web.get("/metrics", serverwamp.metrics_handler(registry))],
        ) as server,
        server.client() as client,
    ):
        await client.call("add", 1, 2)
        await client.call("user.17.name")
        await client.publish("room.5", acknowledge=True)
        with pytest.raises(ApplicationError):
            await client.call("made.up.by.a.client")

        found = await read(server)

    assert found['wamp_sessions{realm="r"}'] == 1
    assert found["wamp_connections"] == 1
    assert found["wamp_sessions_joined_total"] == 1
    assert found['wamp_calls_total{outcome="ok"}'] == 2
    assert found['wamp_calls_total{outcome="refused"}'] == 1
    assert found["wamp_messages_received_total"] == 5
    for procedure in ("add", "user."):
        labels = f'{{outcome="ok",procedure="{procedure}",realm="r"}}'
        assert found[f"wamp_call_seconds_count{labels}"] == 1
    assert found['wamp_publications_total{realm="r",topic="room."}'] == 1
    refused = 'error="wamp.error.no_such_procedure",message="CALL",realm="r"'
    assert found[f"wamp_refusals_total{{{refused}}}"] == 1
    # what a client makes up is in no label
    assert not [name for name in found if "17" in name or "made" in name]


async def test_procedures_of_clients_share_the_label_of_their_permission() -> None:
    registry = CollectorRegistry()
    realm = serverwamp.Realm("r")
    realm.permit("mine.", match="prefix", call=True, register=True)
    async with (
        site(realm=realm, observers=[PrometheusObserver(registry)]) as server,
        server.client() as client,
    ):
        await client.register("mine.12345", lambda: 1)
        await client.call("mine.12345")

    labels = {"realm": "r", "procedure": "mine.", "outcome": "ok"}
    assert registry.get_sample_value("wamp_call_seconds_count", labels) == 1


def test_a_registry_may_ask_for_metrics_as_soon_as_it_has_them() -> None:
    # as prometheus_client's own does, to know their names
    registry = CollectorRegistry(auto_describe=True)

    serverwamp.Application(observers=[PrometheusObserver(registry)])

    assert registry.get_sample_value("wamp_connections") == 0


def test_applications_have_registries_of_their_own() -> None:
    registry = CollectorRegistry(auto_describe=True)
    serverwamp.Application(observers=[PrometheusObserver(registry)])

    with pytest.raises(ConfigurationError, match="registry of its own") as refusal:
        serverwamp.Application(observers=[PrometheusObserver(registry)])
    # and not by all of their names
    assert "wamp_" not in str(refusal.value)


def test_a_registry_that_is_refused_is_left_as_it_was() -> None:
    registry = CollectorRegistry()
    serverwamp.Application(observers=[PrometheusObserver(registry)])
    before = generate_latest(registry)

    second = PrometheusObserver(registry)
    with pytest.raises(ConfigurationError, match="registry of its own"):
        serverwamp.Application(observers=[second])

    assert generate_latest(registry) == before


def test_an_observer_is_for_one_application() -> None:
    metrics = PrometheusObserver(CollectorRegistry())
    serverwamp.Application(observers=[metrics])

    with pytest.raises(ConfigurationError, match="one Application"):
        serverwamp.Application(observers=[metrics])


@pytest.mark.parametrize("make", [PrometheusObserver, serverwamp.metrics_handler])
def test_the_error_names_the_extra_to_install(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(
        ConfigurationError, match=r"pip install aiohttp-serverwamp\[prometheus\]"
    ):
        make()
