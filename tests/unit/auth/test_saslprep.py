from __future__ import annotations

import pytest

from aiohttp_serverwamp.auth.saslprep import saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        # The examples of RFC 4013, section 3.
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("open\u00a0sesame", "open sesame"),
        ("\u0627\u0628", "\u0627\u0628"),
        ("sesame 🎉", "sesame 🎉"),
        ("", ""),
    ],
)
def test_what_looks_alike_is_spelt_alike(text: str, prepared: str) -> None:
    """REQ-AUTH-041."""
    assert saslprep(text) == prepared


@pytest.mark.parametrize(
    "text",
    [
        "\u0007",
        "\u0627\u0031",
        "a\u0627",
        "\u0627a\u0628",
        "\ue000",
        "\ud800",
        "\u200e",
    ],
    ids=ascii,
)
def test_what_is_prohibited_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match="SASLprep|mixed") as caught:
        saslprep(text)

    assert text not in str(caught.value)
