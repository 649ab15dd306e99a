"""What becomes plain data, what cannot, and that copies share nothing mutable."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import math
import types
import uuid
from typing import Any, NamedTuple, TypedDict

import attrs
import msgspec
import pytest

from aiohttp_serverwamp.errors import EncodingError
from aiohttp_serverwamp.hosting.plain_data import plain_args, plain_kwargs, to_plain


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Real(float):
    pass


class Blob(bytes):
    pass


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Item:
    price: decimal.Decimal
    tags: tuple[str, ...] = ()


@attrs.define
class Person:
    name: str


class Order(TypedDict):
    sku: str


class Point(NamedTuple):
    x: int
    y: list[int]


class Circle(msgspec.Struct, tag=True, rename="camel"):
    radius_cm: int
    colour: str | msgspec.UnsetType = msgspec.UNSET


UID = uuid.UUID("12345678-1234-5678-1234-567812345678")


def is_plain(value: Any) -> bool:
    if type(value) is list:
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and is_plain(value[key]) for key in value)
    return type(value) in (type(None), bool, int, float, str, bytes)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**100, 2**100),
        (math.inf, math.inf),
        ("x", "x"),
        (b"x", b"x"),
        (Text("x"), "x"),
        (Number(3), 3),
        (Real(2.5), 2.5),
        (Blob(b"x"), b"x"),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
        (Colour.RED, "red"),
        (Level.LOW, 1),
        (UID, str(UID)),
        (decimal.Decimal("1.50"), "1.50"),
        (datetime.date(2024, 5, 1), "2024-05-01"),
        (datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC), "2024-05-01T00:00:00Z"),
        (datetime.time(12), "12:00:00"),
        (datetime.timedelta(seconds=3), "PT3S"),
        ((1, (2, [3, (4,)])), [1, [2, [3, [4]]]]),
        ({1}, [1]),
        (frozenset({(1, 2)}), [[1, 2]]),
        (collections.deque([(1,)]), [[1]]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": (1,), "b": bytearray(b"x")}, {"a": [1], "b": b"x"}),
        (
            {1: 1, UID: 2, Level.LOW: 3, Colour.RED: 4},
            {"1": 3, str(UID): 2, "red": 4},
        ),
        ({Text("k"): 1}, {"k": 1}),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
        (collections.ChainMap({"a": (1,)}), {"a": [1]}),
        (types.MappingProxyType({"a": {2}}), {"a": [2]}),
        (
            Item(decimal.Decimal("1.5"), ("a",)),
            {"price": "1.5", "tags": ["a"]},
        ),
        (Person("a"), {"name": "a"}),
        (Order(sku="a"), {"sku": "a"}),
        (Point(1, [2]), [1, [2]]),
        (Circle(3), {"type": "Circle", "radiusCm": 3}),
        ([Circle(3)], [{"type": "Circle", "radiusCm": 3}]),
    ],
)
def test_typed_values_become_plain_data(value: Any, expected: Any) -> None:
    result = to_plain(value)
    assert result == expected
    assert is_plain(result)


def test_nan_stays_as_only_json_refuses_it() -> None:
    assert math.isnan(to_plain([math.nan])[0])


def test_pydantic_models_become_plain_data() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", at=(datetime.date, ...), tags=(set[int], ()))

    value = [model(at=datetime.date(2024, 5, 1), tags={1})]
    assert to_plain(value) == [{"at": "2024-05-01", "tags": [1]}]


@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: {"a": [(it,)]}])
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (object(), "object"),
        (1j, "complex"),
        (len, "builtin_function_or_method"),
        (int, "type"),
        (iter([1]), "list_iterator"),
        (ValueError("secret"), "ValueError"),
        (msgspec.UNSET, "UnsetType"),
        (msgspec.Raw(b"1"), "Raw"),
    ],
)
def test_a_foreign_object_is_named_by_its_type_only(
    value: Any, named: str, wrap: Any
) -> None:
    with pytest.raises(EncodingError) as caught:
        to_plain(wrap(value))
    assert named in caught.value.args[0]
    assert "secret" not in caught.value.args[0]


@pytest.mark.parametrize("key", [None, True, (1, 2), b"x"])
def test_a_key_that_has_no_text_is_refused(key: Any) -> None:
    with pytest.raises(EncodingError):
        to_plain([{key: 1}])


def cyclic_list() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def cyclic_proxy() -> Any:
    value: dict[str, Any] = {}
    value["it"] = (types.MappingProxyType(value),)
    return value


def cyclic_item() -> Any:
    item = Person("a")
    item.name = [item]  # type: ignore[assignment]  # what a type checker would catch
    return item


@pytest.mark.parametrize("make", [cyclic_list, cyclic_proxy, cyclic_item])
def test_cyclic_data_are_an_encoding_error(make: Any) -> None:
    with pytest.raises(EncodingError, match="cyclic"):
        to_plain(make())


def test_copies_share_nothing_that_can_change() -> None:
    value: dict[str, Any] = {"a": [1, {"b": [2]}], "c": ({"d": []},), "e": bytearray(2)}
    first, second = to_plain(value), to_plain(value)

    first["a"][1]["b"].append(3)
    first["c"][0]["d"].append(3)
    value["a"].append(4)
    value["e"][0] = 1

    assert second == {"a": [1, {"b": [2]}], "c": [{"d": []}], "e": b"\0\0"}


def test_one_object_in_two_places_becomes_two() -> None:
    shared: list[int] = []
    first, second = to_plain([shared, shared])
    assert first is not second


def test_text_and_bytes_are_not_copied() -> None:
    text, blob = "x" * 1000, b"x" * 1000
    result = to_plain([text, blob])
    assert result[0] is text
    assert result[1] is blob


def test_empty_arguments_are_left_out() -> None:
    assert plain_args([]) is None
    assert plain_args(()) is None
    assert plain_kwargs({}) is None


def test_arguments_become_plain_each() -> None:
    assert plain_args((1, (2,), Level.LOW)) == [1, [2], 1]
    assert plain_kwargs({Text("a"): (2,)}) == {"a": [2]}
    assert is_plain(plain_kwargs({Text("a"): (2,)}))


def test_arguments_are_a_new_list_and_mapping() -> None:
    args, kwargs = [1], {"a": 1}
    assert plain_args(args) is not args
    assert plain_kwargs(kwargs) is not kwargs


def test_keywords_that_are_enum_members_become_their_text() -> None:
    class Keyword(str, enum.Enum):  # noqa: UP042  # StrEnum has another __str__
        SIZE = "size"

    assert plain_kwargs({Keyword.SIZE: 1}) == {"size": 1}
    assert is_plain(plain_kwargs({Keyword.SIZE: 1}))


def test_keywords_are_strings() -> None:
    hostile: Any = {1: 2}
    with pytest.raises(EncodingError, match="int"):
        plain_kwargs(hostile)
