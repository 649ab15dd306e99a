"""Tokens become identities, or are refused without a word too much."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.jwt import JWTAuthenticator, jwt_authenticator
from aiohttp_serverwamp.errors import ApplicationError, ConfigurationError
from tests.jwks import SECRET, jwks_server, private_pem, public_pem, token

DENIED = "wamp.error.authentication_denied"


class Tasks:
    """Those of an application."""

    def __init__(self) -> None:
        self.started: set[asyncio.Task[Any]] = set()

    def start(self, func: Callable[..., Any], *args: Any) -> None:
        self.started.add(asyncio.ensure_future(func(*args)))


class LiveRuntime:
    """That of an application, as far as authenticators look at it."""

    tasks = Tasks()


RUNTIME, SUPPORT = LiveRuntime(), AsyncioAsyncSupport()


def bringer(*headers: tuple[bytes, bytes], authid: str = "ann") -> Any:
    """Make a session with the headers of its upgrade request."""

    async def run_in_thread(func: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.to_thread(func, *args)

    return SimpleNamespace(
        id=7,
        authid=authid,
        realm=SimpleNamespace(
            run_in_thread=run_in_thread,
            waiter=SUPPORT.waiter,
            local=SimpleNamespace(runtime=RUNTIME),
        ),
        connection=SimpleNamespace(transport_info={"http_headers_raw": [*headers]}),
    )


def shared(**options: Any) -> JWTAuthenticator:
    return jwt_authenticator(SECRET, algorithms=["HS256"], **options)


async def refusal(tokens: JWTAuthenticator, text: str) -> str:
    with pytest.raises(ApplicationError) as refused:
        await tokens.identity(bringer(), text)
    assert refused.value.uri == DENIED
    assert refused.value.__cause__ is None
    return str(refused.value.args[0])


# --- What a token says ----------------------------------------------------------------


async def test_a_token_says_who_its_bringer_is_and_until_when() -> None:
    expires = int(time.time()) + 60
    text = token(exp=expires, groups=["a", "b"])

    identity = await shared().identity(bringer(), text)

    assert identity == Identity(
        "ann",
        "user",
        "jwt",
        user={"sub": "ann", "exp": expires, "groups": ["a", "b"]},
        expires_at=expires,
    )


@pytest.mark.parametrize(
    ("key", "public", "algorithm"),
    [
        (SECRET, SECRET, "HS256"),
        (private_pem("RS"), public_pem("RS"), "RS256"),
        (private_pem("RS"), public_pem("RS"), "PS384"),
        (private_pem("ES"), public_pem("ES"), "ES256"),
        (private_pem("Ed"), public_pem("Ed"), "EdDSA"),
    ],
)
async def test_every_family_of_signatures_is_checked(
    key: Any, public: Any, algorithm: str
) -> None:
    tokens = jwt_authenticator(public, algorithms=[algorithm])
    good = token(key, algorithm)
    head, body, signature = good.split(".")
    changed = base64.urlsafe_b64encode(
        json.dumps({"sub": "eve", "exp": time.time() + 60}).encode()
    ).decode()

    assert (await tokens.identity(bringer(), good)).authid == "ann"
    for bad in (f"{head}.{changed.rstrip('=')}.{signature}", f"{head}.{body}."):
        assert await refusal(tokens, bad) == "the token is not valid"


def unsigned() -> str:
    parts = ({"alg": "none", "typ": "JWT"}, {"sub": "ann", "exp": time.time() + 60})
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts]
    return ".".join(each.decode().rstrip("=") for each in coded) + "."


def signed_with_the_public_key() -> str:
    """Do what the confusion of algorithms is about."""
    text = unsigned().replace(unsigned().split(".")[0], _coded({"alg": "HS256"}))
    signed = text.rstrip(".")
    digest = hmac.new(public_pem("RS").encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(digest.digest()).decode().rstrip('=')}"


def _coded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


# Made when they are wanted: a token that is a minute old is refused for its age.
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: "", id="nothing"),
        pytest.param(lambda: "a.b.c", id="no JSON"),
        pytest.param(lambda: "ä.ö.ü", id="no ASCII"),
        pytest.param(lambda: "x" * 10_000, id="long"),
        pytest.param(unsigned, id="unsigned"),
        pytest.param(signed_with_the_public_key, id="signed with the public key"),
        pytest.param(lambda: token(private_pem("ES"), "ES256"), id="ES256"),
        pytest.param(lambda: token(private_pem("RS"), "RS512"), id="RS512"),
    ],
)
async def test_the_application_says_how_tokens_are_signed_and_not_the_token(
    make: Callable[[], str],
) -> None:
    bad = make()
    tokens = jwt_authenticator(public_pem("RS"), algorithms=["RS256"])

    assert await refusal(tokens, bad) == "the token is not valid"


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"exp": None},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"exp": 10**400},
        {"nbf": 2**40},
        {"aud": "another shop"},
        {"aud": None},
        {"iss": "https://e.vil"},
        {"iss": None},
    ],
)
async def test_a_token_of_another_time_place_or_maker_is_refused(
    claims: dict[str, Any],
) -> None:
    tokens = shared(audience="shop", issuer="https://id.example.com")
    right = {"aud": "shop", "iss": "https://id.example.com"}
    assert (await tokens.identity(bringer(), token(**right))).authid == "ann"

    await refusal(tokens, token(**{**right, **claims}))


async def test_who_brings_an_old_token_is_told_that_it_is_old() -> None:
    expired = token(exp=time.time() - 5)

    assert await refusal(shared(), expired) == "the token has expired"


async def test_leeway_lets_a_token_last_longer() -> None:
    expires = int(time.time()) - 5

    identity = await shared(leeway=60).identity(bringer(), token(exp=expires))

    assert identity.expires_at == expires + 60


# --- Who its bringer becomes ----------------------------------------------------------


async def test_the_role_comes_from_its_claim_else_the_default() -> None:
    tokens = shared(role="guest", role_claim="role")

    chief = await tokens.identity(bringer(), token(role="chief"))
    guest = await tokens.identity(bringer(), token())

    assert (chief.authrole, guest.authrole) == ("chief", "guest")


@pytest.mark.parametrize("role", [["chief"], "", 7])
async def test_a_role_that_is_no_name_is_not_guessed(role: Any) -> None:
    with pytest.raises(ConfigurationError, match="load="):
        await shared(role_claim="role").identity(bringer(), token(role=role))


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_load_says_who_it_is_and_the_token_until_when(kind: str) -> None:
    def load(claims: Any) -> Identity | None:
        if claims["sub"] == "gone":
            return None
        return Identity(
            f"user {claims['sub']}", "chief", expires_at=claims.get("until")
        )

    async def load_later(claims: Any) -> Identity | None:
        return load(claims)

    tokens = shared(load=load if kind == "sync" else load_later)
    expires = int(time.time()) + 60

    plain = await tokens.identity(bringer(), token(exp=expires))
    sooner = await tokens.identity(bringer(), token(exp=expires, until=expires - 30))
    later = await tokens.identity(bringer(), token(exp=expires, until=expires + 30))

    assert (plain.authid, plain.authrole) == ("user ann", "chief")
    assert plain.authprovider == "jwt"
    assert plain.expires_at == later.expires_at == expires
    assert sooner.expires_at == expires - 30
    assert await refusal(tokens, token(sub="gone")) == "there is no such user"


async def test_load_returns_an_identity_and_nothing_that_never_expires() -> None:
    with pytest.raises(ConfigurationError, match="Identity"):
        await shared(load=dict).identity(bringer(), token())


# --- How it is brought ----------------------------------------------------------------


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER   "])
async def test_the_header_of_the_upgrade_is_read(scheme: bytes) -> None:
    header = (b"Authorization", scheme + token().encode())

    assert (await shared()(bringer(header))).authid == "ann"


@pytest.mark.parametrize(
    "headers", [[], [(b"Authorization", b"Basic YTpi")], [(b"X-Bearer", b"Bearer a")]]
)
def test_who_brings_no_token_is_left_to_the_next_authenticator(headers: Any) -> None:
    assert shared()(bringer(*headers)) is None


def test_of_two_headers_none_is_believed() -> None:
    header = (b"authorization", b"Bearer " + token().encode())

    with pytest.raises(ApplicationError, match="several"):
        shared()(bringer(header, (b"Authorization", b"Basic YTpi")))


async def test_a_ticket_is_for_who_its_bringer_claims_to_be() -> None:
    tokens = shared()

    assert (await tokens.ticket(bringer(), token())).authid == "ann"
    with pytest.raises(ApplicationError) as refused:
        await tokens.ticket(bringer(authid="bob"), token())
    assert refused.value.uri == DENIED


async def test_a_newer_token_renews_the_session_of_its_user_only() -> None:
    renewed: list[Identity] = []

    async def renew(identity: Identity) -> None:
        renewed.append(identity)

    session = bringer()
    session.renew = renew
    tokens = shared(role_claim="role")

    await tokens.renew(session, token(role="chief"))
    for bad in (token(sub="bob"), token(exp=time.time() - 5), "nonsense"):
        with pytest.raises(ApplicationError):
            await tokens.renew(session, bad)

    assert [each.authrole for each in renewed] == ["chief"]


# --- Keys that are fetched ------------------------------------------------------------


async def test_the_key_of_a_token_is_found_among_those_published() -> None:
    with jwks_server(one="RS", two="ES") as server:
        tokens = jwt_authenticator(jwks_url=server.url, algorithms=["RS256"])
        good = token(private_pem("RS"), "RS256", kid="one")

        found = await asyncio.gather(
            *(tokens.identity(bringer(), good) for _ in range(10))
        )

        assert {each.authid for each in found} == {"ann"}
        for bad in (
            token(private_pem("RS"), "RS256", kid="two"),
            token(private_pem("ES"), "ES256", kid="two"),
            token(private_pem("RS"), "RS256", kid="made up"),
            token(private_pem("RS"), "RS256"),
        ):
            await refusal(tokens, bad)
        assert server.requests == 1


async def test_a_weak_key_that_is_published_is_not_taken() -> None:
    with jwks_server(weak="weak RS") as server:
        tokens = jwt_authenticator(jwks_url=server.url, algorithms=["RS256"])
        with pytest.warns(match="2048"):
            weak = token(private_pem("weak RS"), "RS256", kid="weak")

        await refusal(tokens, weak)


async def test_keys_are_waited_for_in_one_thread_whoever_comes_and_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tokens that name keys of their own making cost nobody else a thread."""
    with jwks_server(one="RS") as server:
        tokens = jwt_authenticator(jwks_url=server.url, algorithms=["RS256"])
        keys, begun, answer = tokens._keys, list[bool](), threading.Event()
        fetch = keys.fetch

        def slow() -> None:
            begun.append(threading.current_thread() is threading.main_thread())
            answer.wait()
            fetch()

        # given many who wait for one answer, the first of whom have left
        monkeypatch.setattr(keys, "fetch", slow)
        tasks = []
        for kid in ("no 1", "no 2", "no 3", "one", "one"):
            text = token(private_pem("RS"), "RS256", kid=kid)
            tasks.append(asyncio.ensure_future(tokens.identity(bringer(), text)))
            await asyncio.sleep(0)
        for task in tasks[:2]:
            task.cancel()
        late = asyncio.ensure_future(tokens.identity(bringer(), text))
        await asyncio.sleep(0)

        # when the answer comes
        answer.set()
        results = await asyncio.gather(*tasks, late, return_exceptions=True)

    assert begun == [False]
    assert server.requests == 1
    assert [type(result).__name__ for result in results] == [
        *["CancelledError"] * 2,
        "ApplicationError",
        *["Identity"] * 3,
    ]


async def test_while_keys_cannot_be_fetched_nobody_is_told_that_a_token_is_bad(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with jwks_server(one="RS") as server:
        server.status = 500
        tokens = jwt_authenticator(jwks_url=server.url, algorithms=["RS256"])

        with pytest.raises(ApplicationError) as refused:
            await tokens.identity(
                bringer(), token(private_pem("RS"), "RS256", kid="one")
            )

    assert refused.value.uri == "wamp.error.authentication_failed"
    assert "cannot be fetched" in caplog.text


async def test_nothing_of_a_token_or_key_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = shared(audience="shop")

    good = token(aud="shop")
    for text in (good, token(aud="pub"), "aaaa.bbbb.cccc", token(b"x" * 32)):
        session = bringer((b"authorization", b"Bearer " + text.encode()))
        with suppress(ApplicationError):
            await tokens(session)
        with pytest.raises(ApplicationError):
            await tokens.ticket(bringer(authid="bob"), text)

    assert caplog.text.count("refused: ") == 6
    for secret in (*good.split("."), "aaaa", "bbbb", "cccc", SECRET.decode()):
        assert secret not in caplog.text


# --- Wrong use ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({}, "the key of the tokens as its first argument"),
        ({"key": SECRET, "jwks_url": "https://id.example.com/"}, "jwks_url=, the addr"),
        ({"key": SECRET, "algorithms": "HS256"}, "give a list"),
        ({"key": SECRET, "algorithms": ["none"]}, "give one or more of HS256"),
        ({"key": SECRET, "audience": ""}, "audience="),
        ({"key": SECRET, "audience": []}, "audience="),
        ({"key": SECRET, "issuer": 5}, "issuer="),
        ({"key": SECRET, "leeway": -1}, "leeway="),
        ({"key": SECRET, "leeway": 3600}, "300 at most"),
        ({"key": SECRET, "leeway": True}, "leeway="),
        ({"key": SECRET, "role": ""}, "role="),
        ({"key": SECRET, "role_claim": ""}, "role_claim="),
        ({"key": SECRET, "load": 5}, "takes a function"),
        ({"key": SECRET, "load": dict, "role_claim": "role"}, "not both"),
        ({"key": SECRET, "load": dict, "role": "chief"}, "not both"),
    ],
)
def test_wrong_use_says_what_to_write(options: dict[str, Any], advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        jwt_authenticator(**{"algorithms": ["HS256"], **options})
