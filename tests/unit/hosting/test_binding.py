"""Which parameter gets which value, and what a caller is told who sends another."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import decimal
import enum
import functools
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NotRequired,
    TypedDict,
)

import attrs
import msgspec
import pytest

from aiohttp_serverwamp.errors import ConfigurationError, InvalidArgument
from aiohttp_serverwamp.hosting.binding import (
    Binding,
    DefaultArg,
    Injectables,
    compile_binding,
)

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTypeCheckers


class Session:
    pass


class Invocation:
    pass


class Request:
    pass


@dataclasses.dataclass
class Context:
    session: Session
    invocation: Invocation
    request: Request | None = None


INJECTABLES = Injectables(
    by_type={
        Session: lambda context: context.session,
        Invocation: lambda context: context.invocation,
        Request: lambda context: context.request,
    },
    by_name={
        "session": (Session, lambda context: context.session),
        "invocation": (Invocation, lambda context: context.invocation),
        "request": (Invocation, lambda context: context.invocation),
        "topic_uri": (str, lambda context: "shop.news"),
    },
)
CONTEXT = Context(Session(), Invocation(), Request())


def compiled(
    func: Callable[..., Any],
    *,
    arguments: bool = True,
    **default_args: DefaultArg,
) -> Binding:
    return compile_binding(
        func, injectables=INJECTABLES, default_args=default_args, arguments=arguments
    )


def called(
    func: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    **default_args: DefaultArg,
) -> Any:
    bound_args, bound_kwargs = compiled(func, arguments=True, **default_args).bind(
        CONTEXT, args, kwargs or {}
    )
    return func(*bound_args, **bound_kwargs)


def refusal(
    func: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    **default_args: DefaultArg,
) -> str:
    binding = compiled(func, arguments=True, **default_args)
    with pytest.raises(InvalidArgument) as caught:
        binding.bind(CONTEXT, args, kwargs or {})
    assert len(caught.value.args) == 1
    assert caught.value.kwargs == {}
    message = caught.value.args[0]
    assert isinstance(message, str)
    return message


def misconfiguration(func: Callable[..., Any], **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        compiled(func, **options)
    return str(caught.value)


def converted(annotation: Any, value: Any) -> Any:
    def handler(it: Any) -> Any:
        return it

    handler.__annotations__ = {"it": annotation}
    return called(handler, [value])


def conversion_refusal(annotation: Any, value: Any) -> str:
    def handler(it: Any) -> Any:
        return it

    handler.__annotations__ = {"it": annotation}
    return refusal(handler, [value])


class TestInjection:
    def test_by_annotation_whatever_the_name(self) -> None:
        def handler(client: Session, maybe: Invocation | None, http: Request) -> Any:
            return client, maybe, http

        assert called(handler) == (
            CONTEXT.session,
            CONTEXT.invocation,
            CONTEXT.request,
        )

    def test_by_name_without_annotation(self) -> None:
        def handler(topic_uri, request, session, invocation):  # type: ignore[no-untyped-def]  # unannotated is the subject
            return topic_uri, request, session, invocation

        assert called(handler) == (
            "shop.news",
            CONTEXT.invocation,
            CONTEXT.session,
            CONTEXT.invocation,
        )

    def test_by_name_annotated_as_any(self) -> None:
        def handler(session: Any) -> Any:
            return session

        assert called(handler) is CONTEXT.session

    def test_annotation_goes_before_name(self) -> None:
        def handler(request: Request) -> Any:
            return request

        assert called(handler) is CONTEXT.request

    def test_annotated_metadata_does_not_hide_the_type(self) -> None:
        def handler(client: Annotated[Session | None, "the caller"]) -> Any:
            return client

        assert called(handler) is CONTEXT.session

    def test_an_injected_parameter_takes_no_positional(self) -> None:
        def handler(sku: str, session: Session, quantity: int = 1) -> Any:
            return sku, session, quantity

        assert called(handler, ["a", 3]) == ("a", CONTEXT.session, 3)

    def test_positional_only_and_keyword_only_are_injected(self) -> None:
        def handler(session: Session, /, sku: str, *, request: Request) -> Any:
            return session, sku, request

        assert called(handler, ["a"]) == (CONTEXT.session, "a", CONTEXT.request)

    def test_an_injected_name_annotated_as_something_else_is_refused(self) -> None:
        def handler(session: int) -> None: ...

        message = misconfiguration(handler)
        assert "handler" in message
        assert "'session'" in message
        assert "annotate it as Session" in message

    @pytest.mark.parametrize("name", ["session", "client", "db"])
    @pytest.mark.parametrize("open_ended", [False, True])
    def test_a_caller_cannot_override_what_is_supplied(
        self, name: str, open_ended: bool
    ) -> None:
        def closed(session, client: Session, db) -> None: ...  # type: ignore[no-untyped-def]  # unannotated is the subject

        def open_(session, client: Session, db, **kwargs: Any) -> None: ...  # type: ignore[no-untyped-def]  # unannotated is the subject

        handler = open_ if open_ended else closed
        message = refusal(handler, [], {name: 1}, db=DefaultArg(2))
        assert message == f"parameter '{name}': unknown"

    def test_a_keyword_cannot_reach_a_positional_only_injected_name(self) -> None:
        def handler(session: Session, /, **kwargs: Any) -> None: ...

        assert refusal(handler, [], {"session": 1}) == "parameter 'session': unknown"

    def test_a_name_nobody_injects_here_is_an_ordinary_keyword(self) -> None:
        def handler(**kwargs: Any) -> Any:
            return kwargs

        assert called(handler, [], {"session": 1}) == {"session": 1}


class TestDefaultArgs:
    def test_a_value_is_supplied_as_it_is(self) -> None:
        pool = object()

        def handler(sku: str, db: int, *, log: str) -> Any:
            return sku, db, log

        result = called(handler, ["a"], db=DefaultArg(pool), log=DefaultArg(None))
        assert result == ("a", pool, None)

    def test_an_injected_name_goes_before_a_default_arg(self) -> None:
        def handler(session) -> Any:  # type: ignore[no-untyped-def]  # unannotated is the subject
            return session

        assert called(handler, session=DefaultArg(1)) is CONTEXT.session

    def test_default_args_go_before_python_defaults(self) -> None:
        def handler(db: Any = 1) -> Any:
            return db

        assert called(handler, db=DefaultArg(2)) == 2

    def test_an_annotation_only_type_checkers_see_does_not_matter(self) -> None:
        def handler(db: OnlyForTypeCheckers) -> Any:
            return db

        assert called(handler, db=DefaultArg(2)) == 2

    def test_only_a_factory_in_use_needs_a_task(self) -> None:
        def without(sku: str) -> None: ...

        def with_db(db: Any) -> None: ...

        factory = DefaultArg(factory=object)
        assert not compiled(without, db=factory).needs_task
        assert not compiled(with_db, db=DefaultArg(1)).needs_task
        assert compiled(with_db, db=factory).needs_task
        with pytest.raises(RuntimeError, match="bind_async"):
            compiled(with_db, db=factory).bind(CONTEXT, [], {})

    async def test_factories_run_for_each_call(self) -> None:
        made: list[list[int]] = []

        def plain() -> list[int]:
            made.append([])
            return made[-1]

        async def awaited() -> str:
            return "awaited"

        @contextlib.asynccontextmanager
        async def transaction() -> AsyncIterator[str]:
            events.append("open")
            yield "transaction"
            events.append("close")

        events: list[str] = []

        def handler(plain: Any, sku: str, *, awaited: Any, transaction: Any) -> Any:
            return plain, sku, awaited, transaction

        binding = compiled(
            handler,
            plain=DefaultArg(factory=plain),
            awaited=DefaultArg(factory=awaited),
            transaction=DefaultArg(factory=transaction),
        )
        for _ in range(2):
            async with contextlib.AsyncExitStack() as stack:
                args, kwargs = await binding.bind_async(CONTEXT, ["a"], {}, stack)
                assert handler(*args, **kwargs) == (
                    made[-1],
                    "a",
                    "awaited",
                    "transaction",
                )
                assert events[-1] == "open"
        assert events == ["open", "close"] * 2
        assert len(made) == 2

    async def test_what_is_awaitable_and_a_context_manager_is_entered(self) -> None:
        class Acquiring:
            closed = False

            def __await__(self) -> Any:
                raise AssertionError("awaited: nobody would give it back")

            async def __aenter__(self) -> str:
                return "connection"

            async def __aexit__(self, *exc_info: object) -> None:
                self.closed = True

        acquiring = Acquiring()

        def handler(db: Any) -> None: ...

        binding = compiled(handler, db=DefaultArg(factory=lambda: acquiring))
        async with contextlib.AsyncExitStack() as stack:
            args, _ = await binding.bind_async(CONTEXT, [], {}, stack)
            assert args == ["connection"]
        assert acquiring.closed

    async def test_an_asynchronous_factory_may_make_a_context_manager(self) -> None:
        events: list[str] = []

        @contextlib.asynccontextmanager
        async def connection() -> AsyncIterator[str]:
            yield "connection"
            events.append("close")

        async def connect() -> Any:
            return connection()

        def handler(db: Any) -> None: ...

        binding = compiled(handler, db=DefaultArg(factory=connect))
        async with contextlib.AsyncExitStack() as stack:
            args, _ = await binding.bind_async(CONTEXT, [], {}, stack)
            assert args == ["connection"]
        assert events == ["close"]

    async def test_a_wrong_call_opens_nothing(self) -> None:
        opened: list[str] = []

        def handler(db: Any, sku: str) -> None: ...

        binding = compiled(handler, db=DefaultArg(factory=lambda: opened.append("")))
        async with contextlib.AsyncExitStack() as stack:
            with pytest.raises(InvalidArgument):
                await binding.bind_async(CONTEXT, [1], {}, stack)
        assert opened == []


class TestArgumentsOfTheCall:
    def test_positionals_in_order_keywords_by_name(self) -> None:
        def handler(a: int, b: str, *, c: bool) -> Any:
            return a, b, c

        assert called(handler, [1], {"c": True, "b": "x"}) == (1, "x", True)

    def test_python_defaults_are_not_converted(self) -> None:
        shared: list[int] = []

        def handler(a: int = "text", b: list[int] = shared, *, c: int = None) -> Any:  # type: ignore[assignment]  # the subject
            return a, b, c

        a, b, c = called(handler)
        assert (a, c) == ("text", None)
        assert b is shared

    def test_a_default_before_an_injected_parameter_stays(self) -> None:
        def handler(a: int = 1, session: Session | None = None, b: int = 2, /) -> Any:
            return a, session, b

        assert called(handler) == (1, CONTEXT.session, 2)
        assert called(handler, [5]) == (5, CONTEXT.session, 2)

    def test_what_has_no_annotation_is_the_same_object(self) -> None:
        value = {"a": [1.0]}

        def handler(a, b: Any, c: object, *rest: Any, **more: Any) -> Any:  # type: ignore[no-untyped-def]  # unannotated is the subject
            return a, b, c, *rest, more["d"]

        result = called(handler, [value] * 4, {"d": value})
        assert all(item is value for item in result)

    def test_var_positional_and_var_keyword_are_converted_each(self) -> None:
        def handler(*prices: int, **counts: int) -> Any:
            return prices, counts

        assert called(handler, [1.0, 2], {"a": 3.0}) == ((1, 2), {"a": 3})
        message = refusal(handler, [1, "x"])
        assert message == "parameter 'prices'[1]: expected int, got str"
        message = refusal(handler, [], {"a": "x"})
        assert message == "parameter 'a': expected int, got str"

    def test_python_lets_keywords_repeat_positional_only_names(self) -> None:
        def handler(a: int, /, **more: int) -> Any:
            return a, more

        assert called(handler, [1], {"a": 2}) == (1, {"a": 2})

    @pytest.mark.parametrize(
        ("args", "kwargs", "message"),
        [
            ([], {}, "parameter 'a': missing"),
            ([], {"b": 1}, "parameter 'a': missing"),
            ([1], {}, "parameter 'd': missing"),
            ([1, 2, 3, 4], {"d": 1}, "expected at most 3 positional arguments, got 4"),
            ([1], {"d": 1, "z": 1}, "parameter 'z': unknown"),
            ([1], {"d": 1, "p": 1}, "parameter 'p': unknown"),
            ([1], {"a": 1, "d": 1}, "parameter 'a': unknown"),
            (
                [1, 2],
                {"b": 1, "d": 1},
                "parameter 'b': given twice, by position and by name",
            ),
            ([1, "x"], {"d": 1}, "parameter 'b': expected int, got str"),
            ([1], {"d": None}, "parameter 'd': expected int, got null"),
            ([1, 2, None], {"d": 1}, "parameter 'c': expected int, got null"),
        ],
    )
    def test_one_message_names_the_parameter(
        self, args: list[Any], kwargs: dict[str, Any], message: str
    ) -> None:
        def handler(a: int, /, b: int = 0, c: int = 0, *, d: int) -> None: ...

        assert refusal(handler, args, kwargs) == message

    def test_a_thousand_surplus_keywords_make_one_short_message(self) -> None:
        def handler(a: int = 0) -> None: ...

        message = refusal(handler, [], {f"k{n}" * 1000: n for n in range(1000)})
        assert len(message) < 120

    def test_control_characters_of_the_caller_are_escaped(self) -> None:
        def handler() -> None: ...

        assert refusal(handler, [], {"a\nb\x1b[": 1}) == (
            r"parameter 'a\nb\x1b[': unknown"
        )

    def test_a_keyword_that_is_no_string_is_refused(self) -> None:
        def handler(**kwargs: Any) -> None: ...

        hostile: Any = {1: 2}
        assert "unknown" in refusal(handler, [], hostile)

    def test_two_calls_share_nothing_that_was_converted(self) -> None:
        def handler(a: list[int], b: dict[str, list[int]], c: TreeNode) -> Any:
            return a, b, c

        binding = compiled(handler)
        arguments: list[Any] = [[1], {"x": [1]}, {"children": [{}]}]
        (first, _), (second, _) = (
            binding.bind(CONTEXT, arguments, {}) for _ in range(2)
        )
        first[0].append(2)
        first[1]["x"].append(2)
        first[2].children.append(TreeNode())
        assert second == [[1], {"x": [1]}, TreeNode(children=[TreeNode()])]
        assert arguments == [[1], {"x": [1]}, {"children": [{}]}]

    def test_two_calls_share_no_containers(self) -> None:
        def handler(*, a: int = 0, **more: Any) -> None: ...

        binding = compiled(handler, log=DefaultArg(1))
        first, second = (binding.bind(CONTEXT, [], {}) for _ in range(2))
        assert first[0] is not second[0]
        assert first[1] is not second[1]


class TestHandlersWithoutArguments:
    def test_a_required_parameter_that_nothing_supplies_is_refused(self) -> None:
        def handler(session: Session, sku: str) -> None: ...

        message = misconfiguration(handler, arguments=False)
        assert "'sku'" in message
        assert "set_default_arg('sku'" in message

    def test_what_is_injected_or_has_a_default_is_fine(self) -> None:
        def handler(
            topic_uri: str, db: Any, a: int = 1, *args: int, b: int = 2, **kwargs: int
        ) -> Any:
            return topic_uri, db, a, args, b, kwargs

        binding = compiled(handler, arguments=False, db=DefaultArg(7))
        args, kwargs = binding.bind(CONTEXT, (), {})
        assert handler(*args, **kwargs) == ("shop.news", 7, 1, (), 2, {})


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Item:
    price: int
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class TreeNode:
    weight: int = 0
    children: list[TreeNode] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Interval:
    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end == 0:
            raise InvalidArgument("the end is reached")
        if self.end < self.start:
            raise ValueError(f"secret {self.start}")


class Order(TypedDict):
    sku: str
    count: NotRequired[int]


class Point(NamedTuple):
    x: int
    y: int = 0


@attrs.define
class Person:
    name: str
    age: int = attrs.field(default=0, validator=attrs.validators.ge(0))


class Circle(msgspec.Struct, tag=True, rename="camel"):
    radius_cm: int


class Square(msgspec.Struct, tag=True):
    side: float


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    a: int = 0


class Vector(msgspec.Struct, array_like=True, tag="v"):
    x: int
    y: float


MOMENT = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)
UID = uuid.UUID("12345678-1234-5678-1234-567812345678")


class TestTypes:
    @pytest.mark.parametrize(
        ("annotation", "value", "expected"),
        [
            (int, 3, 3),
            (int, 3.0, 3),
            (int, 2**100, 2**100),
            (int, -(2**70), -(2**70)),
            (float, 3, 3.0),
            (float, 2.5, 2.5),
            (bool, True, True),
            (str, "x", "x"),
            (bytes, b"x", b"x"),
            (None, None, None),
            (int | None, None, None),
            (int | None, 3.0, 3),
            (int | str, 3.0, 3),
            (int | float, 3.0, 3.0),
            (list[int], [3.0, 4], [3, 4]),
            (list[int | None], [3.0, None], [3, None]),
            (list[float], [3, 2.5], [3.0, 2.5]),
            (tuple[int, float], [3.0, 3], (3, 3.0)),
            (tuple[int, ...], [3.0, 3], (3, 3)),
            (set[int], [1.0, 1], {1}),
            (dict[str, int], {"a": 1.0}, {"a": 1}),
            (dict[int, int], {"1": 2.0}, {1: 2}),
            (dict[str, list[int]], {"a": [1.0]}, {"a": [1]}),
            (list[int] | dict[str, int], {"a": 1.0}, {"a": 1}),
            (list[int] | dict[str, int], [1.0], [1]),
            (Sequence[int], [1.0], [1]),
            (Mapping[str, int], {"a": 1}, {"a": 1}),
            (dict[str, Any], {"a": 1.0}, {"a": 1.0}),
            (Literal["a", 1], 1.0, 1),
            (Colour, "red", Colour.RED),
            (Level, 2.0, Level.HIGH),
            (datetime.datetime, "2024-05-01T12:00:00Z", MOMENT),
            (datetime.date, "2024-05-01", datetime.date(2024, 5, 1)),
            (datetime.timedelta, "PT3S", datetime.timedelta(seconds=3)),
            (uuid.UUID, str(UID), UID),
            (decimal.Decimal, "1.50", decimal.Decimal("1.50")),
            (decimal.Decimal, 1.5, decimal.Decimal("1.5")),
            (Item, {"price": 3.0}, Item(3)),
            (Item, {"price": 3, "unknown": 1}, Item(3)),
            (list[Item], [{"price": 3.0, "tags": ["a"]}], [Item(3, ["a"])]),
            (
                TreeNode,
                {"children": [{"children": [{"weight": 1.0}]}]},
                TreeNode(0, [TreeNode(0, [TreeNode(1)])]),
            ),
            (Order, {"sku": "a", "count": 1.0}, {"sku": "a", "count": 1}),
            (Point, [1.0], Point(1)),
            (Person, {"name": "a", "age": 3.0}, Person("a", 3)),
            (Circle, {"type": "Circle", "radiusCm": 3.0}, Circle(3)),
            (Circle | Square, {"type": "Circle", "radiusCm": 3.0}, Circle(3)),
            (Circle | Square, {"type": "Square", "side": 3.0}, Square(3.0)),
            (Vector, ["v", 1.0, 2.0], Vector(1, 2.0)),
            (Annotated[int, msgspec.Meta(ge=1)], 1.0, 1),
            (Annotated[int, "documentation"], 1.0, 1),
            (Annotated[int, msgspec.Meta(title="count")], 1.0, 1),
        ],
    )
    def test_plain_values_become_what_is_annotated(
        self, annotation: Any, value: Any, expected: Any
    ) -> None:
        result = converted(annotation, value)
        assert result == expected
        assert type(result) is type(expected)
        assert repr(result) == repr(expected)

    @pytest.mark.parametrize(
        ("annotation", "value", "problem"),
        [
            (int, "3", ": expected int, got str"),
            (int, True, ": expected int, got bool"),
            (int, 3.5, ": expected int, got float"),
            (int, float("nan"), ": expected int, got float"),
            (int, float("inf"), ": expected int, got float"),
            (int, None, ": expected int, got null"),
            (bool, "true", ": expected bool, got str"),
            (bool, 1, ": expected bool, got int"),
            (str, 3, ": expected str, got int"),
            (str, b"x", ": expected str, got bytes"),
            (float, "1.0", ": expected float, got str"),
            (float, True, ": expected float, got bool"),
            (float, 10**400, ": number out of range"),
            (bytes, "YWJj", ": expected bytes, got str"),
            (list[bytes], ["YWJj"], "[0]: expected bytes, got str"),
            (int | None, "x", ": expected int | null, got str"),
            (list[int], [1, "x"], "[1]: expected int, got str"),
            (list[int], [1.0, "x"], "[1]: expected int, got str"),
            (list[int], {"a": 1}, ": expected array, got object"),
            (dict[str, int], {"secret": "x"}, "[...]: expected int, got str"),
            (dict[int, int], {"x": 1}, ": a key: expected int, got str"),
            (tuple[int, int], [1, 2, 3], ": expected array of length 2, got 3"),
            (Literal["a"], "secret", ": not one of the allowed values"),
            (Colour, "secret", ": not one of the allowed values"),
            (datetime.datetime, 5, ": expected datetime, got int"),
            (uuid.UUID, "secret", ": invalid UUID"),
            (Item, {}, ": member 'price' is missing"),
            (list[Item], [{"price": "x"}], "[0].price: expected int, got str"),
            (Interval, {"start": 2, "end": 1}, ": not accepted"),
            (Person, {"name": "a", "age": -77}, ": not accepted"),
            (Point, [1, 2, 3], ": expected array of length 1 to 2, got 3"),
            (Strict, {"b": 1}, ": unknown member 'b'"),
            (
                Circle | Square,
                {"type": "secret"},
                ".type: not one of the allowed values",
            ),
            (Annotated[int, msgspec.Meta(ge=1)], 0, ": expected int >= 1"),
            (Annotated[int, msgspec.Meta(ge=1)], 0.0, ": expected int >= 1"),
            (set[Any], [[1]], ": not hashable"),
            (set[int], [7, 2**64], ": integer beyond 64 bits"),
            (frozenset[int], [-(2**63) - 1], ": integer beyond 64 bits"),
            (set[Any], [2**64], ": integer beyond 64 bits"),
            (set[tuple[int, str]], [[2**64, ""]], ": integer beyond 64 bits"),
            (set[int | str], [2**64], ": integer beyond 64 bits"),
            (list[set[int]] | None, [[2**64]], ": integer beyond 64 bits"),
            (dict[str, set[int]], {"a": [2**64]}, ": integer beyond 64 bits"),
            (dict[int, str], {"177" * 7: "a"}, ": integer beyond 64 bits"),
            (dict[int, str], {"-" + "1" * 20: "a"}, ": integer beyond 64 bits"),
            (dict[int | float, str], {"9" * 40: "a"}, ": integer beyond 64 bits"),
        ],
    )
    def test_what_does_not_fit_is_named_by_type_never_by_value(
        self, annotation: Any, value: Any, problem: str
    ) -> None:
        message = conversion_refusal(annotation, value)
        assert message.startswith("parameter 'it'" + problem)
        assert "secret" not in message
        assert "77" not in message

    @pytest.mark.parametrize(
        ("annotation", "value", "expected"),
        [
            (set[int], [2**64 - 1, -(2**63)], {2**64 - 1, -(2**63)}),
            (dict[int, int], {str(2**64 - 1): 1}, {2**64 - 1: 1}),
            (dict[int, int], {str(-(2**63)): 1}, {-(2**63): 1}),
            (dict[int, str], {"1": "1" * 40}, {1: "1" * 40}),
            (list[int], [2**70], [2**70]),
            (dict[str, int], {"1" * 40: 2**70}, {"1" * 40: 2**70}),
            (dict[str, Any], {"1" * 40: 2**70}, {"1" * 40: 2**70}),
            (set[str], ["1" * 40], {"1" * 40}),
            (set[float], [2**70], {2.0**70}),
        ],
    )
    def test_only_what_is_hashed_as_integer_is_bounded(
        self, annotation: Any, value: Any, expected: Any
    ) -> None:
        assert converted(annotation, value) == expected

    def test_an_application_error_of_post_init_goes_through(self) -> None:
        message = conversion_refusal(Interval, {"start": 0, "end": 0})
        assert message == "the end is reached"

    def test_the_argument_is_never_changed(self) -> None:
        value = [{"price": 3.0, "tags": []}]
        converted(list[Item], value)
        assert repr(value) == "[{'price': 3.0, 'tags': []}]"

    def test_deep_nesting_is_an_ill_typed_argument(self) -> None:
        value: dict[str, Any] = {}
        for _ in range(100_000):
            value = {"children": [value]}
        assert conversion_refusal(TreeNode, value) == (
            "parameter 'it': nested too deeply"
        )

    @pytest.mark.parametrize(
        ("annotation", "value"),
        [
            (dict[int, int], {"9" * 10_000: 1}),
            (datetime.datetime, "9" * 10_000),
            (decimal.Decimal, "9" * 10_000 + "x"),
            (datetime.timedelta, "P" + "9" * 100 + "D"),
            (Annotated[int, msgspec.Meta(le=5)], 10**1000),
            (Level, 1e300),
            (Strict, {"z" * 10_000 + "\n": 1}),
        ],
    )
    def test_huge_values_make_short_messages(self, annotation: Any, value: Any) -> None:
        assert len(conversion_refusal(annotation, value)) < 150

    def test_a_field_with_a_default_may_be_of_a_foreign_type(self) -> None:
        @dataclasses.dataclass
        class Counter:
            count: int
            owner: Session = dataclasses.field(default_factory=Session)

        Counter.__annotations__ = {"count": int, "owner": Session}
        assert converted(Counter, {"count": 1.0}).count == 1
        assert "expected Session, got int" in conversion_refusal(
            Counter, {"count": 1, "owner": 1}
        )

    @pytest.mark.parametrize(
        "annotation",
        [
            Item | Interval,
            object | Callable[[], int],
            Callable[[], int],
            complex,
            list[Callable[[], int]],
            AsyncIterator[int],
            memoryview,
            msgspec.Raw,
            type[int],
        ],
    )
    def test_what_no_plain_value_can_become_is_refused_at_set_up(
        self, annotation: Any
    ) -> None:
        def handler(it: Any) -> None: ...

        handler.__annotations__ = {"it": annotation}
        message = misconfiguration(handler)
        assert "handler: parameter 'it' cannot be converted" in message


class TestPydantic:
    def test_models_validate_by_their_own_rules(self) -> None:
        pydantic = pytest.importorskip("pydantic")
        model: Any = pydantic.create_model(
            "Model", count=(int, ...), tags=(list[int], [])
        )

        assert converted(model, {"count": 3.0}) == model(count=3)
        assert converted(model | None, None) is None
        assert converted(list[model], [{"count": "3"}]) == [model(count=3)]

    def test_errors_name_the_path_and_no_value(self) -> None:
        pydantic = pytest.importorskip("pydantic")
        model: Any = pydantic.create_model(
            "Model", count=(int, ...), tags=(list[int], [])
        )

        message = conversion_refusal(model, {"count": 1, "tags": [1, "secret"]})
        assert message == "parameter 'it'.tags[1]: input should be a valid integer"
        message = conversion_refusal(list[model], [{"count": 1}, {}])
        assert message == "parameter 'it'[1].count: field required"


def decorated(func: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapper


@decorated
def wrapped_handler(item: Item, client: Session) -> Any:
    return item, client


class Service:
    def method(self, item: Item, client: Session) -> Any:
        return item, client

    def __call__(self, item: Item, client: Session) -> Any:
        return item, client


class TestCallables:
    @pytest.mark.parametrize(
        "handler",
        [
            wrapped_handler,
            Service().method,
            Service(),
            functools.partial(Service().method),
            decorated(Service().method),
        ],
        ids=["decorated", "method", "callable", "partial", "decorated method"],
    )
    def test_every_kind_of_callable_has_its_postponed_annotations_resolved(
        self, handler: Callable[..., Any]
    ) -> None:
        assert called(handler, [{"price": 1}]) == (Item(1), CONTEXT.session)

    def test_arguments_of_a_partial_are_given_already(self) -> None:
        def handler(a: int, b: int, session: Session, c: int = 3) -> Any:
            return a, b, session, c

        assert called(functools.partial(handler, 1), [2.0, 5]) == (
            1,
            2,
            CONTEXT.session,
            5,
        )
        assert called(functools.partial(handler, b=2), [1]) == (
            1,
            2,
            CONTEXT.session,
            3,
        )

    def test_the_return_annotation_need_not_resolve(self) -> None:
        def handler(a: int) -> OnlyForTypeCheckers: ...  # type: ignore[empty-body]  # only its signature counts

        assert compiled(handler).bind(CONTEXT, [1], {}) == ([1], {})

    def test_a_local_type_with_postponed_annotations_is_refused(self) -> None:
        class Local:
            pass

        def handler(a: Local) -> None: ...

        message = misconfiguration(handler)
        assert "handler: parameter 'a'" in message
        assert "'Local' is not defined" in message
        assert "module level" in message

    def test_injected_types_need_no_import_at_run_time(self) -> None:
        namespace: dict[str, Any] = {}
        exec("def handler(client: 'Session'): return client", namespace)
        assert called(namespace["handler"]) is CONTEXT.session

    def test_a_callable_without_signature_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="wrap it in a function"):
            compiled(dict)
