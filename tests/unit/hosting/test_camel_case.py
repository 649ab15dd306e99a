"""Which parameter a keyword argument of a JavaScript client is meant for."""

from __future__ import annotations

import pytest

from aiohttp_serverwamp.errors import InvalidArgument
from aiohttp_serverwamp.hosting.camel_case import snake_case, snake_case_keywords


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("userId", "user_id"),
        ("user_id", "user_id"),
        ("UserName", "user_name"),
        ("customerID", "customer_id"),
        ("HTTPServer", "http_server"),
        ("parseHTTPRequest", "parse_http_request"),
        ("page2Title", "page2_title"),
        ("base64", "base64"),
        ("aB", "a_b"),
        ("ID", "id"),
        ("_private", "_private"),
        ("user_Id", "user_id"),
        ("größeCm", "größe_cm"),
        ("x", "x"),
        ("", ""),
        ("not a name!", "not a name!"),
    ],
)
def test_a_name_is_spelled_as_in_python(given: str, expected: str) -> None:
    assert snake_case(given) == expected


def test_a_name_that_a_parameter_has_is_left_alone() -> None:
    renamed = snake_case_keywords({"userId": 1, "itemId": 2}, {"userId", "item_id"})

    assert renamed == {"userId": 1, "item_id": 2}


@pytest.mark.parametrize(
    "kwargs", [{"userId": 1, "user_id": 2}, {"user_id": 1, "UserId": 2}]
)
def test_one_argument_in_two_spellings_is_refused(kwargs: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match="'user_id': given twice"):
        snake_case_keywords(kwargs, {"user_id"})
