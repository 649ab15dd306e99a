"""Results and errors that are objects: what their arguments may be."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from aiohttp_serverwamp import (
    ConfigurationError,
    RPCErrorResult,
    RPCProgressReport,
    RPCResult,
)

MAKERS = [RPCResult, RPCProgressReport, partial(RPCErrorResult, "shop.error.sold_out")]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("args", ["sold out", b"x", {"sku": 7}, 5, {1}, iter([1])])
def test_positional_arguments_are_a_list(make: Any, args: Any) -> None:
    """Text would go out letter by letter, of a mapping the keys alone."""
    with pytest.raises(ConfigurationError, match=r"write args=\[\.\.\.\]"):
        make(args)


@pytest.mark.parametrize("make", MAKERS)
def test_keyword_arguments_are_a_mapping(make: Any) -> None:
    with pytest.raises(ConfigurationError, match="write kwargs="):
        make([], ["sku"])


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("args", [[], ["sold out"], (1, 2), None, range(3)])
def test_any_other_sequence_will_do(make: Any, args: Any) -> None:
    assert make(args, {"sku": 7}).args is args


@pytest.mark.parametrize(
    ("passthru", "advice"),
    [
        ({"ppt_cipher": "aes256gcm"}, "give ppt_scheme"),
        ({"ppt_scheme": ""}, "give ppt_scheme"),
        ({"ppt_scheme": "x_mine", "progress": True}, "give ppt_scheme"),
        ({"ppt_scheme": 7}, "expected a string"),
        (["ppt_scheme"], "passthru="),
    ],
)
def test_a_result_passes_through_under_the_keys_of_wamp(
    passthru: Any, advice: str
) -> None:
    for kind in (RPCResult, RPCProgressReport):
        with pytest.raises(ConfigurationError, match=advice):
            kind([b"\0"], passthru=passthru)
