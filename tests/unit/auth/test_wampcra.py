"""WAMP-CRA: the signature, the challenge, and what unknown users are told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from aiohttp_serverwamp import CRAAuthRequirement, Identity
from aiohttp_serverwamp.auth import CRACredential, wampcra
from aiohttp_serverwamp.auth.wampcra import CRAAuthenticator, derive_key
from aiohttp_serverwamp.errors import ConfigurationError

SALTED = CRAAuthRequirement(
    derive_key("secret123", "salt123", iterations=1000), salt="salt123", iterations=1000
)
BOSS = CRAAuthRequirement("key", "boss", salt="s", iterations=5000)
PLAIN = CRAAuthRequirement("secret123", "clerk", "userdb")

#: A published challenge, byte for byte, and its two signatures.
CHALLENGE = (
    '{"authid":"peter","authrole":"user","authmethod":"wampcra",'
    '"authprovider":"userdb","nonce":"LHRTC9zeOIrt_9U3",'
    '"timestamp":"2014-06-22T16:36:25.448Z","session":3251278072152162}'
)
PLAIN_SIGNATURE = "gzUNiJ8tCk/HtlObQVIKGmTS66MJMepc/ubXxpSHVys="
SALTED_SIGNATURE = "ZjTRXS6ri5Obbrm3Ih+retS0yPh5m/ojH7Wa7hTRyWc="


def session(authid: str = "peter", id: int = 7) -> Any:
    return SimpleNamespace(authid=authid, id=id)


def method(**users: CRAAuthRequirement) -> CRAAuthenticator:
    return CRAAuthenticator(
        lambda session: users.get(session.authid), lambda session: session.authid
    )


def begun(cra: CRAAuthenticator, who: Any = None) -> Any:
    who = who or session()
    attempt = cra.begin(who, {"authid": who.authid})
    assert attempt is not None
    return attempt


async def challenge_of(cra: CRAAuthenticator, who: Any = None) -> Mapping[str, Any]:
    extra: Mapping[str, Any] = await begun(cra, who).challenge()
    return extra


def signed(key: str | bytes, challenge: str) -> str:
    """Sign as a client does, with nothing of the package."""
    key = key.encode() if isinstance(key, str) else key
    digest = hmac.new(key, challenge.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


# --- Published vectors ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "salt", "key"),
    [
        ("L3L1YUE8Txlw", "salt123", "qzcdsr9uu/L5hnss3kjNTRe490ETgA70ZBaB5rvnJ5Y="),
        ("secret123", "salt123", "Eu7CQLfR+/Ffb+275A4s9/6H/RGKYxM4s6IMrsNKzC8="),
    ],
)
def test_a_stored_key_is_the_base64_text_of_pbkdf2(
    password: str, salt: str, key: str
) -> None:
    """REQ-AUTH-028, REQ-AUTH-029, REQ-AUTH-031, REQ-AUTH-035."""
    assert derive_key(password, salt, iterations=1000) == key


@pytest.mark.parametrize(
    ("requirement", "challenge", "signature"),
    [
        (
            CRAAuthRequirement("L3L1YUE8Txlw"),
            "[1, 2, 3]",
            "1njQtmmeYO41N5EWEzD2kAjjEKRZ5kPZt/TzpYXOzR0=",
        ),
        (PLAIN, CHALLENGE, PLAIN_SIGNATURE),
        (CRAAuthRequirement(b"secret123"), CHALLENGE, PLAIN_SIGNATURE),
        (SALTED, CHALLENGE, SALTED_SIGNATURE),
    ],
)
async def test_the_published_signatures_are_accepted_and_no_others(
    requirement: CRAAuthRequirement,
    challenge: str,
    signature: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """REQ-AUTH-025, REQ-AUTH-026, REQ-AUTH-027, REQ-AUTH-028, REQ-AUTH-035."""
    monkeypatch.setattr(wampcra, "_challenge", lambda *_: challenge)
    attempt = begun(method(peter=requirement))
    assert (await attempt.challenge())["challenge"] == challenge

    assert attempt.verify(signature, {}) == "peter"
    for wrong in ("", signature[:-1], signature.lower(), "ü" * 44, "\ud800"):
        assert attempt.verify(wrong, {}) is None


# --- The challenge --------------------------------------------------------------------


async def test_the_challenge_says_who_is_challenged_and_when() -> None:
    """REQ-AUTH-024: all seven keys, the session's id, time in UTC."""
    said = json.loads((await challenge_of(method(peter=PLAIN)))["challenge"])

    nonce, timestamp = said.pop("nonce"), said.pop("timestamp")
    assert said == {
        "authid": "peter",
        "authrole": "user",
        "authmethod": "wampcra",
        "authprovider": "dynamic",
        "session": 7,
    }
    assert len(base64.urlsafe_b64decode(nonce + "==")) >= 16
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", timestamp)
    assert datetime.fromisoformat(timestamp).utcoffset() is not None


async def test_salt_comes_with_all_of_its_parameters_and_never_alone() -> None:
    """REQ-AUTH-029, REQ-AUTH-030."""
    plain = await challenge_of(method(peter=PLAIN))
    salted = await challenge_of(method(peter=SALTED))

    assert plain.keys() == {"challenge"}
    del salted["challenge"]  # type: ignore[attr-defined] # a dict of ours
    assert salted == {"salt": "salt123", "iterations": 1000, "keylen": 32}


async def test_a_signature_for_one_challenge_is_no_good_for_another() -> None:
    """REQ-AUTH-032."""
    cra = method(peter=PLAIN)
    first, second = begun(cra), begun(cra)
    signature = signed("secret123", (await first.challenge())["challenge"])
    await second.challenge()

    assert second.verify(signature, {}) is None
    assert first.verify(signature, {}) == "peter"


async def test_a_requirement_may_be_looked_up_asynchronously() -> None:
    async def look_up(session: Any) -> CRAAuthRequirement:
        return SALTED

    extra = await challenge_of(CRAAuthenticator(look_up, lambda session: True))

    assert extra["salt"] == "salt123"


@pytest.mark.parametrize("details", [{}, {"authid": ""}])
def test_a_client_without_a_name_cannot_use_it(details: dict[str, Any]) -> None:
    """REQ-AUTH-023."""
    assert method().begin(session(""), details) is None


# --- Unknown users --------------------------------------------------------------------


@pytest.mark.parametrize("known", [PLAIN, SALTED])
async def test_an_unknown_user_is_challenged_like_a_known_one(
    known: CRAAuthRequirement,
) -> None:
    """Security rule 10: the shape of a challenge does not say who exists."""
    cra = method(peter=known)
    real = dict(await challenge_of(cra))
    fake = dict(await challenge_of(cra, session("nobody")))

    real_text, fake_text = (json.loads(each.pop("challenge")) for each in (real, fake))
    assert fake_text.keys() == real_text.keys()
    assert fake_text["authid"] == "nobody"
    assert fake_text["authrole"] == real_text["authrole"]
    assert len(fake.pop("salt", "")) == len(real.pop("salt", ""))
    assert fake == real


async def test_a_made_up_salt_belongs_to_its_name() -> None:
    cra = method(peter=SALTED)
    await challenge_of(cra)

    salts = [
        (await challenge_of(cra, session(name)))["salt"]
        for name in ("nobody", "nobody", "no one")
    ]

    assert salts[0] == salts[1] != salts[2]


@pytest.mark.parametrize("length", [1, 16, 43, 44, 100])
async def test_a_made_up_salt_is_as_long_as_a_real_one(length: int) -> None:
    cra = method(peter=CRAAuthRequirement("key", salt="s" * length))
    await challenge_of(cra)

    assert len((await challenge_of(cra, session("nobody")))["salt"]) == length


async def test_before_anybody_has_signed_in_an_unknown_user_gets_salt() -> None:
    extra = dict(await challenge_of(method(), session("nobody")))
    made = CRACredential.derive(Identity("ann"), "secret", iterations=1000)

    assert made.salt is not None
    assert len(extra.pop("salt")) == len(made.salt)
    assert extra.keys() == {"challenge", "iterations", "keylen"}


async def test_unknown_users_are_challenged_in_all_the_ways_of_known_ones() -> None:
    """Or a challenge of another kind than most would say that its user exists."""

    # given users with three kinds of challenges, each of whom was challenged
    known = {"peter": SALTED, "clerk": PLAIN, "boss": BOSS}
    cra = method(**known)
    kinds = set()
    for name in known:
        kinds.add(kind_of(await challenge_of(cra, session(name))))

    # when many others are, twice
    names = [f"nobody {number}" for number in range(100)]
    first = [kind_of(await challenge_of(cra, session(name))) for name in names]
    second = [kind_of(await challenge_of(cra, session(name))) for name in names]

    # then all kinds come, and each has its own
    assert set(first) == kinds
    assert first == second


async def test_a_new_kind_of_challenge_changes_those_of_few_unknown_users() -> None:
    cra = method(peter=SALTED, clerk=PLAIN, boss=BOSS)
    names = [f"nobody {number}" for number in range(100)]
    for name in ("peter", "clerk"):
        await challenge_of(cra, session(name))
    before = [kind_of(await challenge_of(cra, session(name))) for name in names]
    boss = kind_of(await challenge_of(cra, session("boss")))
    after = [kind_of(await challenge_of(cra, session(name))) for name in names]

    changed = {new for old, new in zip(before, after, strict=True) if old != new}
    assert changed == {boss}


def kind_of(extra: Mapping[str, Any]) -> tuple[Any, ...]:
    salt = extra.get("salt")
    return len(salt or ""), extra.get("iterations"), extra.get("keylen")


async def test_nobody_can_answer_for_an_unknown_user() -> None:
    cra = method(peter=PLAIN)
    await challenge_of(cra)
    attempt = begun(cra, session("nobody"))
    challenge = (await attempt.challenge())["challenge"]

    for key in ("secret123", "", b"\0" * 32):
        assert attempt.verify(signed(key, challenge), {}) is None


async def test_unknown_users_cost_the_same_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Security rule 10: nor does the time that an answer takes."""
    digests: list[int] = []

    def counted(*args: Any) -> bytes:
        digests.append(1)
        return hmac.digest(*args)

    counting = SimpleNamespace(digest=counted, compare_digest=hmac.compare_digest)
    monkeypatch.setattr(wampcra, "hmac", counting)
    cra = method(peter=SALTED)
    work = []
    for name in ("peter", "nobody", "peter"):
        digests.clear()
        attempt = begun(cra, session(name))
        await attempt.challenge()
        attempt.verify("wrong", {})
        work.append(len(digests))

    assert work[0] > 0
    assert set(work) == {work[0]}


# --- Wrong use, and what is not shown -------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": ""},
        {"secret": None},
        {"secret": "s", "auth_role": ""},
        {"secret": "s", "auth_role": 5},
        {"secret": "s", "auth_provider": None},
        {"secret": "s", "salt": ""},
        {"secret": "s", "salt": b"salt"},
        {"secret": "s", "salt": "salt", "iterations": 999},
        {"secret": "s", "salt": "salt", "iterations": "5000"},
        {"secret": "s", "salt": "salt", "iterations": True},
        {"secret": "s", "salt": "salt", "keylen": 15},
        {"secret": "s", "salt": "salt", "keylen": 32.0},
    ],
)
def test_a_requirement_that_makes_no_challenge_is_refused(
    wrong: dict[str, Any],
) -> None:
    """REQ-AUTH-034."""
    with pytest.raises(ConfigurationError):
        CRAAuthRequirement(**wrong)


def test_a_requirement_does_not_show_its_secret() -> None:
    assert "hunter2" not in repr(CRAAuthRequirement("hunter2"))


async def test_what_is_no_requirement_is_refused_without_being_shown() -> None:
    provider: Any = lambda session: "hunter2"  # noqa: E731 - a wrong provider
    cra = CRAAuthenticator(provider, lambda session: True)

    with pytest.raises(ConfigurationError, match="of type str") as caught:
        await challenge_of(cra)

    assert "hunter2" not in str(caught.value)
