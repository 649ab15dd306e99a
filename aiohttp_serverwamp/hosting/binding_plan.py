"""Where each parameter of a handler gets its value from, decided once per handler."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.conversion import Conversion, Unsupported
from aiohttp_serverwamp.hosting.signatures import (
    bare_type,
    evaluate_annotation,
    name_of,
)

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.default_args import DefaultArg

__all__ = ["MISSING", "BindingPlan", "CallParameter", "Injectables"]

Getter = Callable[[Any], Any]
_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class _Missing:
    """The value of a parameter that nothing has supplied yet."""


MISSING: Any = _Missing()


@dataclass(frozen=True, slots=True)
class Injectables:
    """What is supplied by annotation and by name, as getters of the context."""

    #: Annotation, alone or as ``X | None`` → getter.
    by_type: Mapping[type, Getter]
    #: Parameter name → the type it must be annotated with, if at all; getter.
    by_name: Mapping[str, tuple[type | None, Getter]]


@dataclass(frozen=True, slots=True)
class CallParameter:
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

    @property
    def exact(self) -> frozenset[type] | None:
        """The types of values to take as they are; None: all."""
        return None if self.conversion is None else self.conversion.exact

    def convert(self, value: Any) -> Any:
        """Return `value` as annotated, or raise `InvalidArgument`."""
        conversion = self.conversion
        if conversion is None or type(value) in conversion.exact:
            return value
        return conversion.convert(value, f"'{self.name}'")


class BindingPlan:
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
        self.injected: list[tuple[int, Getter]] = []
        self.injected_keywords: list[tuple[str, Getter]] = []
        self.factories: list[tuple[int | str, Callable[[], Any]]] = []
        self.reserved: set[str] = set()
        self.supplied: set[str] = set()
        self.parameters: list[CallParameter] = []
        self.var_positional: CallParameter | None = None
        self.var_keyword: CallParameter | None = None

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
            self.values.append(MISSING)
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
                "is supplied by nothing, as this handler gets no arguments; name it "
                f"one of {', '.join(self.injectables.by_name)}, give it a default, "
                f"or use set_default_arg({name!r}, ...)",
            )
        else:
            self._put_default(parameter)

    def _put_default(self, parameter: inspect.Parameter) -> None:
        # A keyword-only parameter's default is left to Python.
        if parameter.kind in _POSITIONAL and parameter.default is not parameter.empty:
            self.values[-1] = parameter.default

    def _inject(self, parameter: inspect.Parameter, getter: Getter) -> None:
        self.reserved.add(parameter.name)
        if parameter.kind in _POSITIONAL:
            self.injected.append((len(self.values) - 1, getter))
        else:
            self.injected_keywords.append((parameter.name, getter))

    def _supply(self, parameter: inspect.Parameter, default: DefaultArg) -> None:
        name = parameter.name
        self.reserved.add(name)
        self.supplied.add(name)
        by_position = parameter.kind in _POSITIONAL
        if default.factory is not None:
            target = len(self.values) - 1 if by_position else name
            self.factories.append((target, default.factory))
        elif by_position:
            self.values[-1] = default.value
        else:
            self.keyword_values[name] = default.value

    def _from_call(
        self, parameter: inspect.Parameter, annotation: Any
    ) -> CallParameter:
        position = None
        if parameter.kind in _POSITIONAL:
            position = sum(each.position is not None for each in self.parameters)
        return CallParameter(
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
                "models (several of them in one union: tagged msgspec.Structs), or "
                "Any; if the realm is to supply it and not the caller, use "
                f"set_default_arg({name!r}, ...)",
            )

    def _getter(self, name: str, annotation: Any) -> Getter | None:
        wanted = bare_type(annotation)
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
                f"is annotated as {inspect.formatannotation(annotation)}, but the name "
                f"is injected; annotate it as {expected.__name__}, or rename it",
            )
        return getter

    def _resolved(self, parameter: inspect.Parameter) -> Any:
        """Return the parameter's annotation with postponed names looked up."""
        if parameter.annotation is parameter.empty:
            return parameter.empty
        try:
            # Injected types are imported for annotations only more often than not.
            known = {cls.__name__: cls for cls in self.injectables.by_type}
            return evaluate_annotation(self.func, parameter.annotation, known)
        except Exception as error:
            if parameter.name in self.default_args:
                return Any  # the realm's own object; nothing is converted to it
            self._fail(
                parameter.name,
                f"has an annotation that cannot be resolved ({error}); define or "
                "import its names at module level, not inside a function and not "
                "under TYPE_CHECKING",
            )

    def _fail(self, name: str, problem: str) -> NoReturn:
        raise ConfigurationError(f"{name_of(self.func)}: parameter '{name}' {problem}")
