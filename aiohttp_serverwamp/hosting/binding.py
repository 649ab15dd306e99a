"""Signature → argument binder, compiled when a handler's realm starts.

Every parameter gets its value from the first of these that knows it: its annotation
(an injected type), its name (an injected name), the realm's default args, the call.
What the first three supply a caller can neither see nor override.

What is injected is passed in as getters: nothing here knows the async library or the
classes of sessions and invocations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from aiohttp_serverwamp.errors import InvalidArgument
from aiohttp_serverwamp.hosting.binding_plan import MISSING, BindingPlan, Injectables
from aiohttp_serverwamp.hosting.camel_case import snake_case_keywords
from aiohttp_serverwamp.hosting.conversion import quoted
from aiohttp_serverwamp.hosting.default_args import DefaultArg, make
from aiohttp_serverwamp.hosting.signatures import read_signature

__all__ = [
    "AnyBinding",
    "Binding",
    "DefaultArg",
    "Injectables",
    "WholeBinding",
    "compile_binding",
]


#: Combinations of types to remember of one handler.
_REMEMBERED: Final = 64


class Binding:
    """One handler's parameters, ready to be given values.

    Use `bind`, or `bind_async` if `needs_task`. Tasks and threads may share it.
    """

    __slots__ = (
        "_by_keyword",
        "_camel_snake",
        "_factories",
        "_fitting",
        "_injected",
        "_injected_keywords",
        "_keyword_values",
        "_plain_size",
        "_positional",
        "_required",
        "_required_keywords",
        "_required_positional",
        "_reserved",
        "_values",
        "_var_keyword",
        "_var_positional",
        "getters",
        "needs_task",
        "supplied",
    )

    #: Whether a factory of the realm's default args has to run, which may wait.
    needs_task: bool
    #: What is injected; without any, `bind` needs no context.
    getters: frozenset[Callable[[Any], Any]]

    def __init__(self, plan: BindingPlan, *, camel_snake: bool = False) -> None:
        self._camel_snake = camel_snake
        #: The default args that the handler takes, by name.
        self.supplied = frozenset(plan.supplied)
        #: Defaults and constants of the positional parameters, in order.
        self._values = plan.values
        self._keyword_values = plan.keyword_values
        self._injected = tuple(plan.injected)
        self._injected_keywords = tuple(plan.injected_keywords)
        self._factories = tuple(plan.factories)
        self._reserved = frozenset(plan.reserved)
        positional = [each for each in plan.parameters if each.index is not None]
        self._positional = tuple(
            (each.index, each.exact, each)
            for each in positional
            if each.index is not None
        )
        self._by_keyword = {
            each.name: each for each in plan.parameters if each.by_keyword
        }
        self._required = tuple(each for each in plan.parameters if each.required)
        self._required_positional = max(
            (n for n, each in enumerate(positional, 1) if each.required), default=0
        )
        self._required_keywords = any(each.index is None for each in self._required)
        self._var_positional = plan.var_positional
        self._var_keyword = plan.var_keyword
        self.needs_task = bool(plan.factories)
        self.getters = frozenset(
            getter for _, getter in [*plan.injected, *plan.injected_keywords]
        )
        # How many arguments a handler has that takes positional arguments of the call
        # alone, -1 for others; and of which types they have been taken as they are.
        self._plain_size = -1
        self._fitting: set[tuple[type, ...]] = set()
        if len(positional) == len(plan.values) and not (
            plan.keyword_values or self.getters or self._required_keywords
        ):
            self._plain_size = len(positional)

    def bind(
        self, context: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        """Return what to call the handler with.

        Parameters without annotation get the very objects of `args` and `kwargs`.

        Raises `InvalidArgument` with one message that says which argument is wrong, and
        `RuntimeError` if the binding needs a task.
        """
        # Hot path: most calls have the very types, and nothing but their arguments.
        if not kwargs and len(args) == self._plain_size:
            kinds = (*map(type, args),)
            if kinds in self._fitting or self._fits(kinds):
                return args, {}
        if self.needs_task:
            raise RuntimeError("a default arg has a factory: use bind_async()")
        return self._bind(context, args, kwargs)

    async def bind_async(
        self,
        context: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        stack: AsyncExitStack,
    ) -> tuple[list[Any], dict[str, Any]]:
        """Do as `bind`, then run the factories; `stack` closes what they opened.

        The caller's arguments are checked first: a wrong call opens nothing. What a
        factory raises goes through.
        """
        values, keywords = self._bind(context, args, kwargs)
        for target, factory in self._factories:
            value = await make(factory, stack)
            if isinstance(target, int):
                values[target] = value
            else:
                keywords[target] = value
        return values, keywords

    def _fits(self, kinds: tuple[type, ...]) -> bool:
        """Tell whether arguments of these types are taken as they are."""
        for kind, (_, exact, _) in zip(kinds, self._positional, strict=True):
            if exact is not None and kind not in exact:
                return False
        if len(self._fitting) < _REMEMBERED:
            self._fitting.add(kinds)
        return True

    def _bind(
        self, context: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        values = self._values.copy()
        keywords = self._keyword_values.copy()
        for (index, exact, parameter), value in zip(
            self._positional, args, strict=False
        ):
            if exact is not None and type(value) not in exact:
                values[index] = parameter.convert(value)
            else:
                values[index] = value
        if kwargs:
            if self._camel_snake:
                kwargs = snake_case_keywords(
                    kwargs, self._by_keyword, others=self._var_keyword is not None
                )
            self._bind_keywords(len(args), kwargs, values, keywords)
        if len(args) < self._required_positional or self._required_keywords:
            self._check_missing(values, keywords)
        for index, getter in self._injected:
            values[index] = getter(context)
        for name, getter in self._injected_keywords:
            keywords[name] = getter(context)
        if len(args) > len(self._positional):
            values.extend(self._surplus(args))
        return values, keywords

    def _bind_keywords(
        self,
        given: int,
        kwargs: Mapping[str, Any],
        values: list[Any],
        keywords: dict[str, Any],
    ) -> None:
        for name, value in kwargs.items():
            parameter = self._by_keyword.get(name)
            if parameter is None:
                keywords[name] = self._extra_keyword(name, value)
            elif parameter.index is None:
                keywords[name] = parameter.convert(value)
            elif parameter.position is not None and parameter.position < given:
                raise InvalidArgument(
                    f"parameter '{name}': given twice, by position and by name"
                )
            else:
                values[parameter.index] = parameter.convert(value)

    def _extra_keyword(self, name: str, value: Any) -> Any:
        extra = self._var_keyword
        if extra is None or name in self._reserved or not isinstance(name, str):
            raise InvalidArgument(f"parameter {quoted(name)}: unknown")
        if extra.conversion is None:
            return value
        return extra.conversion.convert(value, quoted(name))

    def _surplus(self, args: Sequence[Any]) -> Sequence[Any]:
        expected = len(self._positional)
        extra = self._var_positional
        if extra is None:
            raise InvalidArgument(
                f"expected at most {expected} positional arguments, got {len(args)}"
            )
        conversion = extra.conversion
        if conversion is None:
            return args[expected:]
        return [
            value
            if type(value) in conversion.exact
            else conversion.convert(value, f"'{extra.name}'[{index}]")
            for index, value in enumerate(args[expected:])
        ]

    def _check_missing(self, values: list[Any], keywords: dict[str, Any]) -> None:
        for parameter in self._required:
            if parameter.index is None:
                found = parameter.name in keywords
            else:
                found = values[parameter.index] is not MISSING
            if not found:
                raise InvalidArgument(f"parameter '{parameter.name}': missing")


class WholeBinding:
    """The binding of a handler that takes what it is given as it is.

    `takes` makes the positional arguments of the context; nothing is converted.
    """

    __slots__ = ("_takes", "getters")

    needs_task = False
    supplied: frozenset[str] = frozenset()

    def __init__(self, takes: Callable[[Any], Sequence[Any]]) -> None:
        self._takes = takes
        self.getters = frozenset({takes})

    def bind(
        self, context: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return what to call the handler with."""
        return [*self._takes(context)], {}

    async def bind_async(
        self,
        context: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        stack: AsyncExitStack,
    ) -> tuple[list[Any], dict[str, Any]]:
        """Do as `bind`."""
        return self.bind(context, args, kwargs)


#: What a handler is called by.
AnyBinding = Binding | WholeBinding


def compile_binding(
    func: Callable[..., Any],
    *,
    injectables: Injectables,
    default_args: Mapping[str, DefaultArg],
    arguments: bool = True,
    camel_snake: bool = False,
) -> Binding:
    """Compile the binder of one handler.

    With ``arguments=False`` the handler gets nothing from a call, as subscription and
    lifespan handlers do; with `camel_snake` the call's ``userId`` is its ``user_id``.

    Raises `ConfigurationError`, naming handler and parameter, for an annotation that
    cannot be resolved or converted to, an injected name annotated as something else,
    and a required parameter that nothing supplies.
    """
    plan = BindingPlan(func, injectables, default_args, arguments)
    for parameter in read_signature(func).parameters.values():
        plan.add(parameter)
    return Binding(plan, camel_snake=camel_snake)
