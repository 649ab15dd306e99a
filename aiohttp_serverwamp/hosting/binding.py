"""Signature → argument binder, compiled when a handler's realm starts.

Every parameter gets its value from the first of these that knows it: its annotation (an
injected type), its name (an injected name), the realm's default args, the call. What the
first three supply a caller can neither see nor override.

What is injected is passed in as getters; this module knows neither the async library nor
the classes of sessions and invocations.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, NoReturn

from aiohttp_serverwamp.errors import ConfigurationError, InvalidArgument
from aiohttp_serverwamp.hosting.conversion import Conversion, Unsupported, quoted

__all__ = ["Binding", "DefaultArg", "Injectables", "compile_binding"]

_Getter = Callable[[Any], Any]
_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class _Missing:
    """The value of a parameter that nothing has supplied yet."""


_MISSING: Any = _Missing()


@dataclass(frozen=True, slots=True)
class DefaultArg:
    """What the realm supplies for parameters of one name.

    `factory` is called for each call, with no arguments. A result that is an asynchronous
    context manager is entered, and closed after the call; any other awaitable result is
    awaited first. Give an object that outlives the call as `value`.
    """

    value: Any = None
    factory: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Injectables:
    """What is supplied by annotation and by name, as getters of the binding's context."""

    #: Annotation, alone or as ``X | None`` → getter.
    by_type: Mapping[type, _Getter]
    #: Parameter name → the type it must be annotated with, if at all; getter.
    by_name: Mapping[str, tuple[type | None, _Getter]]


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter whose value comes from the call."""

    name: str
    #: Where it stands among the handler's positional parameters; None: keyword-only.
    index: int | None
    #: How many positional arguments of the call come before it; None: keyword-only.
    position: int | None
    by_keyword: bool
    required: bool
    #: None: any value, untouched.
    conversion: Conversion | None

    def convert(self, value: Any) -> Any:
        """Return `value` as annotated, or raise `InvalidArgument`."""
        conversion = self.conversion
        if conversion is None or type(value) in conversion.exact:
            return value
        return conversion.convert(value, f"'{self.name}'")


class Binding:
    """One handler's parameters, ready to be given values.

    Use `bind`, or `bind_async` if `needs_task`. Safe to share between tasks and threads.
    """

    __slots__ = (
        "_by_keyword",
        "_factories",
        "_injected",
        "_injected_keywords",
        "_keyword_values",
        "_positional",
        "_required",
        "_required_keywords",
        "_required_positional",
        "_reserved",
        "_values",
        "_var_keyword",
        "_var_positional",
        "needs_task",
    )

    #: Whether a factory of the realm's default args has to run, which may wait.
    needs_task: bool

    def __init__(self, plan: _Plan) -> None:
        #: Defaults and constants of the positional parameters, in order.
        self._values = plan.values
        self._keyword_values = plan.keyword_values
        self._injected = tuple(plan.injected)
        self._injected_keywords = tuple(plan.injected_keywords)
        self._factories = tuple(plan.factories)
        self._reserved = frozenset(plan.reserved)
        positional = [each for each in plan.parameters if each.position is not None]
        self._positional = tuple(
            (each.index, each.conversion and each.conversion.exact, each)
            for each in positional
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

    def bind(
        self, context: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return what to call the handler with.

        Parameters without annotation get the very objects of `args` and `kwargs`.

        Raises `InvalidArgument` with one message that says which argument is wrong, and
        `RuntimeError` if the binding needs a task.
        """
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
            value = await _made(factory, stack)
            if isinstance(target, int):
                values[target] = value
            else:
                keywords[target] = value
        return values, keywords

    def _bind(
        self, context: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        # Hot path: once per call and per hosted event.
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
            raise InvalidArgument(f"parameter {quoted(name)}: there is none to name")
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
                found = values[parameter.index] is not _MISSING
            if not found:
                raise InvalidArgument(f"parameter '{parameter.name}': missing")


async def _made(factory: Callable[[], Any], stack: AsyncExitStack) -> Any:
    made = factory()
    # Things like a pool's acquire() are both: only the context manager gives back.
    if not _is_async_context_manager(made) and inspect.isawaitable(made):
        made = await made
    if _is_async_context_manager(made):
        return await stack.enter_async_context(made)
    return made


def _is_async_context_manager(value: Any) -> bool:
    return hasattr(type(value), "__aenter__") and hasattr(type(value), "__aexit__")


def compile_binding(
    func: Callable[..., Any],
    *,
    injectables: Injectables,
    default_args: Mapping[str, DefaultArg],
    arguments: bool = True,
) -> Binding:
    """Compile the binder of one handler.

    With ``arguments=False`` the handler gets nothing from a call, as subscription and
    lifespan handlers do.

    Raises `ConfigurationError`, naming handler and parameter, for an annotation that
    cannot be resolved or converted to, an injected name annotated as something else, and
    a required parameter that nothing supplies.
    """
    plan = _Plan(func, injectables, default_args, arguments)
    for parameter in _signature(func).parameters.values():
        plan.add(parameter)
    return Binding(plan)


class _Plan:
    """What the parameters seen so far need; becomes a `Binding`."""

    def __init__(
        self,
        func: Callable[..., Any],
        injectables: Injectables,
        default_args: Mapping[str, DefaultArg],
        arguments: bool,
    ) -> None:
        self.func = func
        self.injectables = injectables
        self.default_args = default_args
        self.arguments = arguments
        self.values: list[Any] = []
        self.keyword_values: dict[str, Any] = {}
        self.injected: list[tuple[int, _Getter]] = []
        self.injected_keywords: list[tuple[str, _Getter]] = []
        self.factories: list[tuple[int | str, Callable[[], Any]]] = []
        self.reserved: set[str] = set()
        self.parameters: list[_Parameter] = []
        self.var_positional: _Parameter | None = None
        self.var_keyword: _Parameter | None = None

    def add(self, parameter: inspect.Parameter) -> None:
        """Decide where one parameter's value comes from."""
        name = parameter.name
        annotation = self._resolved(parameter)
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            if self.arguments:
                self.var_positional = self._from_call(parameter, annotation)
            return
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            if self.arguments:
                self.var_keyword = self._from_call(parameter, annotation)
            return
        if parameter.kind in _POSITIONAL:
            self.values.append(_MISSING)
        getter = self._getter(name, annotation)
        if getter is not None:
            self._inject(parameter, getter)
        elif name in self.default_args:
            self._supply(parameter, self.default_args[name])
        elif self.arguments:
            self.parameters.append(self._from_call(parameter, annotation))
            self._put_default(parameter)
        elif parameter.default is inspect.Parameter.empty:
            self._fail(
                name,
                "is supplied by nothing, as this handler gets no arguments from a call; "
                f"name it one of {_listed(self.injectables.by_name)}, give it a default, "
                f"or use set_default_arg({name!r}, ...)",
            )
        else:
            self._put_default(parameter)

    def _put_default(self, parameter: inspect.Parameter) -> None:
        # A keyword-only parameter's default is left to Python.
        if parameter.kind in _POSITIONAL and parameter.default is not parameter.empty:
            self.values[-1] = parameter.default

    def _inject(self, parameter: inspect.Parameter, getter: _Getter) -> None:
        self.reserved.add(parameter.name)
        if parameter.kind in _POSITIONAL:
            self.injected.append((len(self.values) - 1, getter))
        else:
            self.injected_keywords.append((parameter.name, getter))

    def _supply(self, parameter: inspect.Parameter, default: DefaultArg) -> None:
        name = parameter.name
        self.reserved.add(name)
        by_position = parameter.kind in _POSITIONAL
        if default.factory is not None:
            target = len(self.values) - 1 if by_position else name
            self.factories.append((target, default.factory))
        elif by_position:
            self.values[-1] = default.value
        else:
            self.keyword_values[name] = default.value

    def _from_call(self, parameter: inspect.Parameter, annotation: Any) -> _Parameter:
        position = None
        if parameter.kind in _POSITIONAL:
            position = sum(each.position is not None for each in self.parameters)
        return _Parameter(
            parameter.name,
            None if position is None else len(self.values) - 1,
            position,
            parameter.kind is not inspect.Parameter.POSITIONAL_ONLY,
            parameter.default is parameter.empty,
            self._conversion(parameter.name, annotation),
        )

    def _conversion(self, name: str, annotation: Any) -> Conversion | None:
        if annotation in (inspect.Parameter.empty, Any, object):
            return None
        try:
            return Conversion(annotation)
        except Unsupported as error:
            self._fail(
                name,
                f"cannot be converted to {inspect.formatannotation(annotation)} "
                f"({error}); use plain types, dataclasses, msgspec.Struct or pydantic "
                "models (several of them in one union: tagged msgspec.Structs), or Any",
            )

    def _getter(self, name: str, annotation: Any) -> _Getter | None:
        wanted = _injected_type(annotation)
        if wanted in self.injectables.by_type:
            return self.injectables.by_type[wanted]
        if name not in self.injectables.by_name:
            return None
        expected, getter = self.injectables.by_name[name]
        if expected is not None and wanted not in (
            expected,
            Any,
            object,
            inspect.Parameter.empty,
        ):
            self._fail(
                name,
                f"is annotated as {inspect.formatannotation(annotation)}, but this name "
                f"is injected; annotate it as {expected.__name__}, or rename it",
            )
        return getter

    def _resolved(self, parameter: inspect.Parameter) -> Any:
        """Return the parameter's annotation with postponed names looked up."""
        if parameter.annotation is parameter.empty:
            return parameter.empty
        try:
            return _evaluated(self.func, parameter.annotation, self.injectables)
        except Exception as error:
            if parameter.name in self.default_args:
                return Any  # the realm's own object; nothing is converted to it
            self._fail(
                parameter.name,
                f"has an annotation that cannot be resolved ({error}); define or import "
                "its names at module level, not in a function nor under TYPE_CHECKING",
            )

    def _fail(self, name: str, problem: str) -> NoReturn:
        raise ConfigurationError(f"{_name_of(self.func)}: parameter '{name}' {problem}")


def _signature(func: Callable[..., Any]) -> inspect.Signature:
    try:
        if sys.version_info >= (3, 14):
            import annotationlib

            return inspect.signature(
                func, annotation_format=annotationlib.Format.FORWARDREF
            )
        return inspect.signature(func)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{_name_of(func)} has no signature to bind to ({error}); "
            "wrap it in a function"
        ) from error


def _evaluated(
    func: Callable[..., Any], annotation: Any, injectables: Injectables
) -> Any:
    # Injected types are imported for annotations only more often than not.
    known = {cls.__name__: cls for cls in injectables.by_type}
    function = _function_of(func)
    names = {**known, **getattr(function, "__globals__", {})}

    def annotated() -> None: ...

    annotated.__annotations__ = {"it": annotation}
    return typing.get_type_hints(annotated, names, include_extras=True)["it"]


def _function_of(func: Any) -> Any:
    """Return the function that was written with the annotations of `func`."""
    while True:
        if isinstance(func, functools.partial):
            func = func.func
        elif isinstance(func, types.MethodType):
            func = func.__func__
        elif hasattr(func, "__wrapped__"):
            func = func.__wrapped__
        elif isinstance(func, types.FunctionType) or isinstance(func, type):
            return func
        elif isinstance(func, types.BuiltinFunctionType):
            return func
        else:
            func = type(func).__call__


def _injected_type(annotation: Any) -> Any:
    """Return X for X, ``X | None`` and ``Annotated[X, ...]``."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        members = [m for m in typing.get_args(annotation) if m is not type(None)]
        if len(members) == 1:
            return _injected_type(members[0])
    try:
        hash(annotation)
    except TypeError:
        return None  # Literal or Annotated over something unhashable
    return annotation


def _name_of(func: Any) -> str:
    function = _function_of(func)
    return f"{function.__module__}.{function.__qualname__}"


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names) or "the injected ones"
