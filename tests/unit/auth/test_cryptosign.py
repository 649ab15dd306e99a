"""Cryptosign: the published signatures, whose a key is, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aiohttp_serverwamp import ConfigurationError, Identity, SessionRejected
from aiohttp_serverwamp.auth import Cryptosign, CryptosignCredential, StaticCredentials
from aiohttp_serverwamp.auth.cryptosign import is_signed, message_to_sign, signed
from tests.answers import key_answer, xor
from tests.unit.auth.joining import ANN, Joining

SEED = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510"
PUBLIC_KEY = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d"
OTHER_SEED = "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd"
OTHER_PUBLIC_KEY = "6ed32739ff04a6074044ff0b0e3bfc7c856bc9d5f1d25efc57363bda0af3a8b0"
CHANNEL = "62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff"
NO_CHANNEL = "00" * 32

THIRD_SEED = "6e1fde9cf9e2359a87420b65a87dc0c66136e66945196ba2475990d8a0c3a25b"
THIRD_PUBLIC_KEY = "28e11f427b82b9a625ee7ac89a7d29326b505f2dc11dd88c1245f83b6da79a85"
CHALLENGES = {
    SEED: "ff" * 32,
    OTHER_SEED: "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
    THIRD_SEED: "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
}
PUBLIC_KEYS = {
    SEED: PUBLIC_KEY,
    OTHER_SEED: OTHER_PUBLIC_KEY,
    THIRD_SEED: THIRD_PUBLIC_KEY,
}
#: Seed, channel id, and the 64 bytes of signature.
SIGNATURES = [
    (
        SEED,
        NO_CHANNEL,
        (
            "b32675b221f08593213737bef8240e7c15228b07028e19595294678c90d11c0c"
            "ae80a357331bfc5cc9fb71081464e6e75013517c2cf067ad566a6b7b728e5d03"
        ),
    ),
    (
        OTHER_SEED,
        NO_CHANNEL,
        (
            "d4209ad10d5aff6bfbc009d7e924795de138a63515efc7afc6b01b7fe5201372"
            "190374886a70207b042294af5bd64ce725cd8dceb344e6d11c09d1aaaf4d660f"
        ),
    ),
    (
        THIRD_SEED,
        NO_CHANNEL,
        (
            "7beb282184baadd08f166f16dd683b39cab53816ed81e6955def951cb2ddad1e"
            "c184e206746fd82bda075af03711d3d5658fc84a76196b0fa8d1ebc92ef9f30b"
        ),
    ),
    (
        SEED,
        CHANNEL,
        (
            "9b6f41540c9b95b4b7b281c3042fa9c54cef43c842d62ea3fd6030fcb66e70b3"
            "e80d49d44c29d1635da9348d02ec93f3ed1ef227dfb59a07b580095c2b82f80f"
        ),
    ),
    (
        OTHER_SEED,
        CHANNEL,
        (
            "305aaa3ac25e98f651427688b3fc43fe7d8a68a7ec1d7d61c61517c519bd4a42"
            "7c3015599d83ca28b4c652333920223844ef0725eb5dc2febfd6af7677b73f01"
        ),
    ),
    (
        THIRD_SEED,
        CHANNEL,
        (
            "ee3c7644fd8070532bc1fde3d70d742267da545d8c8f03e63bda63f1ad4214f4"
            "d2c4bfdb4eb9526def42deeb7e31602a6ff99eba893e0a4ad4d45892ca75e608"
        ),
    ),
]
#: What the published signatures are about, where it is not the challenge.
BOUND_MESSAGES = {
    SEED: "9d16ca518aa0c2b707f2b2a609edeca73bca8dd59817a633f35574ac6fd80d00",
    OTHER_SEED: "d0852a29b460fc92ec943242ac638a053bbacc200512b18b30d15083cbdc9282",
    THIRD_SEED: "d2b75e24a189a7f78ca776ba36fc53f6c3e31c32f251f2c524f0a44202f2902d",
}

CLIENT_KEY = "545efb0a2192db8d43f118e9bf9aee081466e1ef36c708b96ee6f62dddad9122"
ROUTER_KEY = "4a3838f6fe75251e613329d53fc69b262d5eac97fb1d73bebbaed4015b53c862"
EXCHANGE_CHANNEL = "e973bee24dcea9e20625f949c0e3cd28d632ccbefe4907c2fac2728710f7b160"
#: Public key, challenge, channel id and signature with message.
EXCHANGES = {
    "A": (
        CLIENT_KEY,
        "fa034062ad76352b53a25358854577730db82f367aa439709c91296d04a5716c",
        NO_CHANNEL,
        (
            "e2f0297a193b63b7a4a92028e9e2e6107f82730560d54a657bd982cb4b315149"
            "0399debbbde998e494d3c3b2a5e2e91271291e10dee85a6cfaa127885ddd8b0a"
            "fa034062ad76352b53a25358854577730db82f367aa439709c91296d04a5716c"
        ),
    ),
    "B, router": (
        ROUTER_KEY,
        "bbae60ea44cdd7b20dc7010a618b0f0803fab25a817520b4b7f057299b524deb",
        NO_CHANNEL,
        (
            "fd5128d2d207ba58a9d1d6f41b72c747964ad9d1294077b3b1eee6130b05843a"
            "b12c53c7f2519f73d4feb82db19d8ca0fc26b62bde6518e79a882f5795bc9f00"
            "bbae60ea44cdd7b20dc7010a618b0f0803fab25a817520b4b7f057299b524deb"
        ),
    ),
    "B, client": (
        CLIENT_KEY,
        "0e9192bc08512c8198da159c1ae600ba91729215f35d56102ee318558e773537",
        NO_CHANNEL,
        (
            "a3a178fe792ed772a8fc092f8341e455de96670c8901264a7c312dbf940d5743"
            "626fe9fbc29b23dcd2169b308eca309de85a89ccd296b24835de3d95b16b7703"
            "0e9192bc08512c8198da159c1ae600ba91729215f35d56102ee318558e773537"
        ),
    ),
    "C, router": (
        ROUTER_KEY,
        "4f861f12796c2972b7b0026522a687aa851d90355122a61d4f1fdce4d06b564f",
        EXCHANGE_CHANNEL,
        (
            "aa05f4cd7747d36b79443f1d4703a681e107edc085d876b508714e2a3a8135ba"
            "caae1c018452c4acb3ad2818aa97a6d23e5ac7e3734c7b1f40e6232a70938205"
            "a6f5a1f034a28090b195fb2ce2454a82532f5c8baf6ba1dfb5ddae63c09ce72f"
        ),
    ),
    "C, client": (
        CLIENT_KEY,
        "358625312c6c3bf64ed51d17d210ce21af1639c774cabf5735a9651d7d91fc6a",
        EXCHANGE_CHANNEL,
        (
            "25114474580d6e99a6126b091b4565c23db567d686c5b8c3a94e3f2f09dc8030"
            "0c5b40a124236733fa56396df721eb12ac092362379bd5b27b4db9e2beaa1408"
            "dcf59bd361a2921448f0e45e12f303097924f5798a83b895cf6b179a6d664d0a"
        ),
    ),
}


def bytes_of(text: str) -> bytes:
    return bytes.fromhex(text)


def key_of(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes_of(seed))


# --- Published vectors --------------------------------------------------------------


@pytest.mark.parametrize(("seed", "channel", "signature"), SIGNATURES)
def test_the_published_signatures_are_made_and_accepted(
    seed: str, channel: str, signature: str
) -> None:
    """REQ-AUTH-052, 053, 054, 061."""
    message = message_to_sign(bytes_of(CHALLENGES[seed]), bytes_of(channel))
    told = CHALLENGES[seed] if channel == NO_CHANNEL else BOUND_MESSAGES[seed]

    assert signed(key_of(seed), message) == signature + told
    assert is_signed(signature + told, bytes_of(PUBLIC_KEYS[seed]), message)


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=[*EXCHANGES])
def test_the_published_exchanges_are_accepted(
    exchange: tuple[str, str, str, str],
) -> None:
    """REQ-AUTH-058, 061."""
    public_key, challenge, channel, signature = exchange

    message = message_to_sign(bytes_of(challenge), bytes_of(channel))

    assert is_signed(signature, bytes_of(public_key), message)
    assert is_signed(signature.upper(), bytes_of(public_key), message)


def test_a_good_signature_of_another_message_is_none() -> None:
    """REQ-AUTH-054; PIT-58: the message behind it and the one expected are compared."""
    expected, other = bytes(32), bytes([1] * 32)
    public_key = bytes_of(PUBLIC_KEY)
    key = key_of(SEED)
    swapped = key.sign(expected).hex() + other.hex()

    assert is_signed(signed(key, expected), public_key, expected)
    assert not is_signed(signed(key, other), public_key, expected)
    assert not is_signed(swapped, public_key, expected)
    assert not is_signed(key.sign(expected).hex(), public_key, expected)
    for garbled in ("", "zz" * 96, " " * 192, "ü" * 192, signed(key, expected) + "00"):
        assert not is_signed(garbled, public_key, expected)


# --- Signing in -----------------------------------------------------------------------


def method(**options: Any) -> Cryptosign:
    """Have a key of Ann's, one of Bob's, and one that both of them use."""
    bob = Identity("bob")
    credentials = [
        CryptosignCredential(ANN, PUBLIC_KEY.upper()),
        CryptosignCredential(ANN, THIRD_PUBLIC_KEY),
        CryptosignCredential(bob, THIRD_PUBLIC_KEY),
    ]
    return Cryptosign(StaticCredentials(credentials), **options)


def begun(
    cryptosign: Cryptosign, public_key: str, authid: str = "", **extra: Any
) -> Any:
    details = {"authid": authid, "authextra": {"pubkey": public_key, **extra}}
    attempt = cryptosign.begin(Joining(authid), details)
    assert attempt is not None
    return attempt


async def outcome(seed: str, authid: str = "", signing: str = "") -> Any:
    attempt = begun(method(), PUBLIC_KEYS[seed], authid)
    sent = await attempt.challenge()
    return attempt.verify(key_answer(signing or seed, sent), {})


async def test_the_key_says_who_it_is() -> None:
    """REQ-AUTH-055; client notes 10: with and without an authid in HELLO."""
    ann = Identity("ann", "person", "static")

    assert await outcome(SEED) == ann
    assert await outcome(SEED, "ann") == ann
    assert await outcome(SEED, "bob") is None
    assert await outcome(SEED, "root") is None


async def test_a_key_of_several_needs_a_name() -> None:
    """REQ-AUTH-056."""
    assert await outcome(THIRD_SEED) is None
    assert (await outcome(THIRD_SEED, "ann")).authid == "ann"
    assert (await outcome(THIRD_SEED, "bob")).authid == "bob"


async def test_who_has_not_the_private_key_is_denied() -> None:
    assert await outcome(SEED, signing=OTHER_SEED) is None


async def test_an_unknown_key_is_challenged_like_a_known_one() -> None:
    known = await begun(method(), PUBLIC_KEY).challenge()
    unknown = await begun(method(), OTHER_PUBLIC_KEY).challenge()

    assert known.keys() == unknown.keys() == {"challenge", "channel_binding"}
    assert await outcome(OTHER_SEED) is None


async def test_a_challenge_is_random_and_used_once() -> None:
    """REQ-AUTH-051, 059."""
    first, second = begun(method(), PUBLIC_KEY), begun(method(), PUBLIC_KEY)
    one, other = await first.challenge(), await second.challenge()

    assert one["challenge"] != other["challenge"]
    assert one["challenge"] == one["challenge"].lower()
    assert len(bytes_of(one["challenge"])) == 32
    assert second.verify(key_answer(SEED, one), {}) is None


async def test_what_clients_send_as_null_is_not_there() -> None:
    """REQ-AUTH-060; client notes 10."""
    nothing = {"trustroot": None, "challenge": None, "channel_binding": None}
    attempt = begun(method(), PUBLIC_KEY, "ann", certificates=[], **nothing)

    sent = await attempt.challenge()

    assert sent["channel_binding"] is None
    assert attempt.verify(key_answer(SEED, sent), {})


def test_a_client_without_a_key_cannot_use_it() -> None:
    for authextra in ({}, {"pubkey": None}):
        details = {"authid": "ann", "authextra": authextra}
        assert method().begin(Joining(), details) is None


@pytest.mark.parametrize(
    "authextra",
    [
        {"pubkey": PUBLIC_KEY[:-2]},
        {"pubkey": PUBLIC_KEY[:-1] + "x"},
        {"pubkey": " " * 64},
        {"pubkey": "ab" * 16 + " " * 32},
        {"pubkey": 5},
        {"pubkey": PUBLIC_KEY, "challenge": "ab"},
        {"pubkey": PUBLIC_KEY, "channel_binding": "tls-unique"},
        {"pubkey": PUBLIC_KEY, "channel_binding": ["tls-unique"]},
    ],
    ids=repr,
)
def test_what_is_malformed_or_cannot_be_bound_is_rejected(
    authextra: dict[str, Any],
) -> None:
    """REQ-AUTH-050, 057."""
    with pytest.raises(SessionRejected):
        method().begin(Joining(), {"authid": "ann", "authextra": authextra})


async def test_hex_is_taken_in_either_case() -> None:
    """REQ-AUTH-059."""
    attempt = begun(method(), PUBLIC_KEY.upper())

    sent = await attempt.challenge()

    assert attempt.verify(key_answer(SEED, sent).upper(), {})


# --- Channel binding, and the server's own proof --------------------------------------


async def test_a_bound_signature_is_about_challenge_and_channel() -> None:
    """REQ-AUTH-053."""
    bound = method(channel_id=lambda session, kind: bytes_of(CHANNEL))
    attempt = begun(bound, PUBLIC_KEY, channel_binding="tls-unique")

    sent = await attempt.challenge()

    assert sent["channel_binding"] == "tls-unique"
    assert attempt.verify(key_answer(SEED, sent), {}) is None
    assert attempt.verify(key_answer(SEED, sent, bytes_of(CHANNEL)), {})


def test_a_channel_id_of_another_length_is_a_mistake_of_the_application() -> None:
    bound = method(channel_id=lambda session, kind: b"too short")

    with pytest.raises(ConfigurationError, match="32 bytes"):
        begun(bound, PUBLIC_KEY, channel_binding="tls-unique")


@pytest.mark.parametrize("channel", [None, CHANNEL])
async def test_the_server_proves_itself_where_it_is_asked_to(
    channel: str | None,
) -> None:
    """REQ-AUTH-058."""
    theirs = bytes([9] * 32)
    proving = method(
        private_key=bytes_of(OTHER_SEED),
        channel_id=lambda session, kind: bytes_of(CHANNEL),
    )
    binding = "tls-unique" if channel else None
    attempt = begun(
        proving, PUBLIC_KEY, challenge=theirs.hex(), channel_binding=binding
    )

    sent = await attempt.challenge()

    message = xor(theirs, bytes_of(channel or NO_CHANNEL))
    assert sent["pubkey"] == OTHER_PUBLIC_KEY
    assert is_signed(sent["signature"], bytes_of(OTHER_PUBLIC_KEY), message)
    unasked = await begun(proving, PUBLIC_KEY).challenge()
    assert unasked.keys() == {"challenge", "channel_binding"}


@pytest.mark.parametrize("key", [b"short", "ab" * 32])
def test_a_private_key_is_32_bytes(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        method(private_key=key)
