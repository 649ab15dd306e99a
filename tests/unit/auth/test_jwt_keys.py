"""What the signatures of tokens are checked with."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from aiohttp_serverwamp.auth.jwt_keys import (
    FetchedKeys,
    FixedKey,
    KeysUnavailable,
    checked_algorithms,
    import_jwt,
)
from aiohttp_serverwamp.errors import ConfigurationError
from tests.jwks import SECRET, jwks_server, private_pem, public_pem


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


# --- Algorithms -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "algorithms",
    [[], ["none"], ["NONE"], ["RS256", "none"], ["MD5"], [5], "RS256", None, {"HS256"}],
)
def test_only_algorithms_that_prove_something_can_be_listed(algorithms: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"jwt_authenticator\(algorithms="):
        checked_algorithms(algorithms)


def test_algorithms_of_different_sorts_of_keys_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="an authenticator for each"):
        checked_algorithms(["RS256", "HS256"])


def test_rsa_keys_serve_two_families() -> None:
    assert checked_algorithms(["RS256", "PS512"]) == ("RS256", "PS512")


def test_the_error_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)

    with pytest.raises(ConfigurationError, match=r"aiohttp-serverwamp\[jwt\]"):
        import_jwt()


# --- A key that is known --------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (SECRET, "HS256"),
        (public_pem("RS"), "RS256"),
        (public_pem("RS").encode(), "PS256"),
        (public_pem("ES"), "ES256"),
        (public_pem("Ed"), "EdDSA"),
    ],
)
def test_a_key_of_the_right_sort_is_taken_whatever_it_is_called(
    key: Any, algorithm: str
) -> None:
    keys = FixedKey(key, [algorithm])

    assert not keys.must_wait("any")
    keys.fetch()
    assert keys.found("any") is keys.found(None) is not None


@pytest.mark.parametrize(
    ("key", "algorithm", "advice"),
    [
        ("hunter2", "HS256", "32 random bytes"),
        (SECRET, "HS512", "64 random bytes"),
        (b"", "HS256", "32 random bytes"),
        (17, "HS256", "32 random bytes"),
        (public_pem("RS"), "HS256", "give a secret"),
        (SECRET, "RS256", "an RSA public key, as PEM"),
        (public_pem("ES"), "RS256", "an RSA public key, as PEM"),
        (public_pem("RS"), "ES256", "an EC public key, as PEM"),
        (17, "ES256", "an EC public key, as PEM"),
        (private_pem("RS"), "RS256", "give the public key"),
        (private_pem("ES"), "ES256", "give the public key"),
        (public_pem("weak RS"), "RS256", "2048 bits or more"),
    ],
)
def test_a_key_of_the_wrong_sort_is_refused_and_not_shown(
    key: Any, algorithm: str, advice: str
) -> None:
    with pytest.raises(ConfigurationError, match=advice) as refused:
        FixedKey(key, [algorithm])

    assert refused.value.__cause__ is None
    text = key.decode() if isinstance(key, bytes) else str(key)
    assert not text or text not in str(refused.value)


# --- Keys that are fetched ------------------------------------------------------------


def after_fetching(keys: FetchedKeys, kid: str | None) -> Any | None:
    """Look a key up as a sign-in does."""
    if keys.must_wait(kid):
        keys.fetch()
    return keys.found(kid)


def test_keys_are_fetched_once_while_they_are_good() -> None:
    clock = Clock()
    with jwks_server(one="RS", other="RS") as server:
        keys = FetchedKeys(server.url, ["RS256"], now=clock)
        assert keys.must_wait("one")

        assert after_fetching(keys, "one") is not None
        assert keys.found("one") is after_fetching(keys, "one")
        assert after_fetching(keys, "other") is not None
        assert server.requests == 1

        clock.time += 301
        assert keys.must_wait("one")
        assert after_fetching(keys, "one") is not None
        assert server.requests == 2


def test_keys_of_another_sort_or_too_weak_are_left_aside() -> None:
    with jwks_server(one="RS", other="ES", weak="weak RS") as server:
        keys = FetchedKeys(server.url, ["PS256"])

        found = {kid for kid in server.kinds if after_fetching(keys, kid)}

    assert found == {"one"}


def test_a_new_key_is_found_and_made_up_ones_do_not_keep_it_fetching() -> None:
    clock = Clock()
    with jwks_server(one="RS") as server:
        keys = FetchedKeys(server.url, ["RS256"], now=clock)
        after_fetching(keys, "one")

        for number in range(100):
            assert after_fetching(keys, f"made up {number}") is None
        assert after_fetching(keys, None) is None
        assert server.requests == 1

        server.kinds["two"] = "RS"
        clock.time += 10
        assert after_fetching(keys, "two") is not None
        assert server.requests == 2


def test_a_key_that_is_withdrawn_is_forgotten() -> None:
    clock = Clock()
    with jwks_server(one="RS", two="RS") as server:
        keys = FetchedKeys(server.url, ["RS256"], now=clock)
        after_fetching(keys, "one")
        del server.kinds["one"]
        clock.time += 301

        assert after_fetching(keys, "one") is None


def test_looking_a_key_up_never_fetches_whatever_time_it_has_become() -> None:
    """It is done on the thread of the event loop."""
    clock = Clock()
    with jwks_server(one="RS") as server:
        keys = FetchedKeys(server.url, ["RS256"], now=clock)
        keys.fetch()
        assert not keys.must_wait("made up")
        clock.time += 10

        assert keys.found("made up") is None
        clock.time += 300
        with pytest.raises(KeysUnavailable):
            keys.found("one")
        assert server.requests == 1


@pytest.mark.parametrize("kinds", [{}, {"one": "RS"}])
def test_a_server_that_fails_is_not_asked_again_at_once(
    kinds: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of the address is logged but its host."""
    caplog.set_level(logging.DEBUG)
    clock = Clock()
    with jwks_server(**kinds) as server:
        server.status = 503 if kinds else 200
        keys = FetchedKeys(server.url, ["RS256"], now=clock)

        for _ in range(20):
            with pytest.raises(KeysUnavailable):
                after_fetching(keys, "one")
        assert server.requests == 1
        assert "127.0.0.1" in caplog.text
        assert "hidden" not in caplog.text

        server.kinds["one"], server.status = "RS", 200
        clock.time += 10
        assert after_fetching(keys, "one") is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com/keys",
        "http://10.0.0.1/keys",
        "ftp://localhost/keys",
        "file:///etc/keys",
        "https://",
        "keys",
        "",
        5,
    ],
)
def test_keys_come_over_tls_or_from_this_machine(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="give the https:// address"):
        FetchedKeys(url, ["RS256"])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]"])
def test_this_machine_needs_no_tls(host: str) -> None:
    assert FetchedKeys(f"http://{host}/keys", ["RS256"]).must_wait("one")


def test_a_secret_is_never_published() -> None:
    with pytest.raises(ConfigurationError, match="are no secrets"):
        FetchedKeys("https://id.example.com/keys", ["HS256"])
