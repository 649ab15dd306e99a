"""The quick way of `parse` gives what the table gives."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from aiohttp_serverwamp import messages
from aiohttp_serverwamp.errors import ProtocolViolation
from aiohttp_serverwamp.ids import MAX_ID

ids = st.integers(-1, 3) | st.sampled_from([MAX_ID, MAX_ID + 1]) | st.floats(-1, 3)
values = st.none() | st.booleans() | ids | st.text(max_size=3)
options = st.dictionaries(
    st.sampled_from(["timeout", "progress", "x_mine"]), values, max_size=2
)
lists = st.lists(values, max_size=3)
elements = values | options | lists
calls = st.tuples(
    st.sampled_from([48, 48.0, 16, 70, True]),
    ids | values,
    options | values,
    st.text(max_size=5) | values,
    lists | options | values,
).map(list)


yields = st.tuples(
    st.sampled_from([70, 70.0, 48, True]),
    ids | values,
    options | values,
    lists | values,
).map(list)


def outcome(parse: Any, raw: list[Any]) -> Any:
    """Return the message, or what is wrong; types count, so that 1 is not 1.0."""
    try:
        return repr(parse(raw))
    except ProtocolViolation as error:
        return str(error)


@given(
    calls | calls.map(lambda call: call[:4]) | yields | st.lists(elements, min_size=1)
)
@example([48, 1, {}, "com.p", []])
@example([48, MAX_ID, {}, "com.p", [1]])
@example([48, 0, {}, "com.p", [1]])
@example([48, True, {}, "com.p", [1]])
@example([48, 2.0, {}, "com.p", [1]])
@example([48, 1, {"timeout": None}, "com.p", [1]])
@example([48, 1, {}, "com.p", None])
@example([48, 1, [], "com.p", [1]])
@example([48.0, 1, {}, "com.p", [1]])
@example([70, 1, {}, []])
@example([70, 0, {}, [1]])
@example([70, MAX_ID + 1, {}, [1]])
@example([70, 1, {"progress": None}, [1]])
@example([70, 1, {}, None])
@example([70.0, 1, {}, [1]])
def test_a_call_or_its_answer_is_parsed_as_the_table_says(raw: list[Any]) -> None:
    again = deepcopy(raw)

    assert outcome(messages.parse, raw) == outcome(messages._by_the_table, again)
