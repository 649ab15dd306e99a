"""Options of publishing and calling, and what publish returns."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.publication import (
    CallOptions,
    Publication,
    PublishOptions,
    options_dict,
)
from aiohttp_serverwamp.messages import Call, Publish


async def test_a_publication_is_its_id_and_may_be_awaited() -> None:
    publication = Publication(7)

    assert publication.id == int(publication) == 7
    assert [10, 20][Publication(1)] == 20
    assert await publication is publication
    assert repr(publication) == "Publication(7)"


def test_options_that_are_not_given_are_left_out() -> None:
    assert options_dict(Publish, None) == {}
    assert options_dict(Publish, PublishOptions()) == {}
    assert options_dict(Call, CallOptions(timeout=0)) == {"timeout": 0}
    assert options_dict(Publish, PublishOptions(eligible=[])) == {"eligible": []}


def test_any_collection_of_names_becomes_a_list() -> None:
    options = PublishOptions(
        eligible_authid=("ann",),
        exclude_authrole=frozenset({"admin"}),  # type: ignore[arg-type]  # sets work too
    )

    assert options_dict(Publish, options) == {
        "eligible_authid": ["ann"],
        "exclude_authrole": ["admin"],
    }


@pytest.mark.parametrize(
    "given",
    [
        {"exclude_me": 1},
        {"exclude": ["text"]},
        {"exclude": 7},
        {"eligible": [0]},
        {"eligible_authid": "ann"},
        {"eligible_authid": [7]},
        {"disclose_me": "yes"},
    ],
)
def test_wrong_publish_options_are_refused_where_they_are_made(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="PublishOptions"):
        PublishOptions(**given)


@pytest.mark.parametrize(
    "given", [{"timeout": -1}, {"timeout": "5"}, {"timeout": True}]
)
def test_wrong_call_options_are_refused_where_they_are_made(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="CallOptions"):
        CallOptions(**given)


@pytest.mark.parametrize("options", [CallOptions, PublishOptions])
@pytest.mark.parametrize(
    "given", [{"ppt_cipher": "aes"}, {"ppt_scheme": "", "ppt_keyid": "k"}]
)
def test_passthru_keys_without_a_scheme_are_refused(options: Any, given: Any) -> None:
    """The router would leave them out, and the payload be taken for a plain one."""
    with pytest.raises(ConfigurationError, match="go with a ppt_scheme"):
        options(**given)

    assert options(**{**given, "ppt_scheme": "x_mine"}).ppt_scheme == "x_mine"
