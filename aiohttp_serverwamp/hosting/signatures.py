"""Reading a handler's signature, whatever kind of callable it is."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["bare_type", "evaluate_annotation", "name_of", "read_signature"]


def read_signature(func: Callable[..., Any]) -> inspect.Signature:
    """Return the signature, postponed annotations unresolved.

    Raises `ConfigurationError` for a callable that has none.
    """
    try:
        if sys.version_info >= (3, 14):
            import annotationlib

            return inspect.signature(
                func, annotation_format=annotationlib.Format.FORWARDREF
            )
        return inspect.signature(func)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{name_of(func)} has no signature to bind to ({error}); "
            "wrap it in a function"
        ) from error


def evaluate_annotation(
    func: Callable[..., Any], annotation: Any, known: Mapping[str, Any]
) -> Any:
    """Return an annotation of `func` with postponed names looked up.

    Names of `known` need not be imported by the module of `func`. Raises whatever the
    evaluation raises.
    """
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
        elif isinstance(func, type | types.FunctionType | types.BuiltinFunctionType):
            return func
        else:
            func = type(func).__call__


def bare_type(annotation: Any) -> Any:
    """Return a hashable X for X, ``X | None`` and ``Annotated[X, ...]``."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        members = [m for m in typing.get_args(annotation) if m is not type(None)]
        if len(members) == 1:
            return bare_type(members[0])
    try:
        hash(annotation)
    except TypeError:
        return None  # Literal or Annotated over something unhashable
    return annotation


def name_of(func: Any) -> str:
    """Return module and qualified name, for messages."""
    function = _function_of(func)
    return f"{function.__module__}.{function.__qualname__}"
