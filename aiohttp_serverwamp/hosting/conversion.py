"""One annotated parameter: how a plain value becomes what the annotation promises.

msgspec does the work. What it does not do stands here: integral floats for ``int`` at
any depth (JavaScript's MessagePack sends them), no base64 text for ``bytes``, pydantic
models, types refused at set-up time rather than at the first call, and messages that
name the parameter and the types but never a value.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import inspect

from aiohttp_serverwamp.errors import InvalidArgument
from aiohttp_serverwamp.hosting.hashed import has_long_integer, hashes_integers
from aiohttp_serverwamp.hosting.integral import (
    Repair,
    Unsupported,
    compile_repair,
    is_pydantic,
    nodes,
)

__all__ = ["Conversion", "Unsupported", "quoted"]

#: Types whose instances an annotation of the same type accepts as they are.
_SCALARS: Mapping[type, inspect.Type] = {
    cls: inspect.type_info(cls) for cls in (bool, int, float, str, bytes, type(None))
}

#: A name that is longer is cut in messages: it may come from the caller.
_MAX_NAME = 64

_WHERE = re.compile(r"(?P<key>`key` in )?`\$\[0\](?P<path>[^`]*)`")
_MISSING_MEMBER = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN_MEMBER = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def quoted(name: object) -> str:
    """Return a caller's name in quotes, control characters escaped, cut if long."""
    if not isinstance(name, str):
        return f"of type {type(name).__name__}"
    return repr(name if len(name) <= _MAX_NAME else name[:_MAX_NAME] + "…")


class Conversion:
    """Convert values to one annotation.

    Raises `Unsupported` when nothing that a call carries could be converted to it.
    """

    __slots__ = ("_convert", "_hashes_integers", "_repair", "exact")

    #: Values of exactly these types need no conversion.
    exact: frozenset[type]

    def __init__(self, annotation: Any) -> None:
        info, cell, self._repair = _compile(annotation)
        self.exact = _exact_types(info)
        self._hashes_integers = hashes_integers(info)
        self._convert = functools.partial(msgspec.convert, type=cell, **_options(info))

    def convert(self, value: Any, label: str) -> Any:
        """Return `value` converted.

        Raises `InvalidArgument` with one message about the parameter `label`. What else
        the application's own validation raises goes through: an `ApplicationError` of
        its ``__post_init__``, say.
        """
        if self._repair is not None and type(value) is float:
            value = self._repair(value)
        if type(value) in self.exact:
            return value
        if self._hashes_integers and has_long_integer(value):
            raise InvalidArgument(f"parameter {label}: integer beyond 64 bits")
        try:
            try:
                return self._convert([value]).value
            except msgspec.ValidationError:
                if self._repair is None:
                    raise
                return self._convert([self._repair(value)]).value
        except msgspec.ValidationError as error:
            raise InvalidArgument(f"parameter {label}{_problem(error)}") from None
        except RecursionError:
            raise InvalidArgument(f"parameter {label}: nested too deeply") from None
        except TypeError:
            # A set of lists, a mapping with a list as key.
            raise InvalidArgument(f"parameter {label}: not hashable") from None


def _compile(annotation: Any) -> tuple[inspect.Type, Any, Repair | None]:
    try:
        # A one-field Struct is compiled once; a bare X | Y or list[X] at each call.
        cell = msgspec.defstruct("Cell", [("value", annotation)], array_like=True)
        info = inspect.type_info(annotation)
        # msgspec looks at the types at first use.
        with suppress(msgspec.ValidationError):
            msgspec.convert([], cell)
        return info, cell, compile_repair(info)
    except (TypeError, ValueError, NameError, AttributeError, RecursionError) as error:
        raise Unsupported(str(error)) from error


def _exact_types(info: inspect.Type) -> frozenset[type]:
    """Find the scalar types of which every value is valid as it is."""
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    return frozenset(cls for cls, node in _SCALARS.items() if node in members)


def _options(info: inspect.Type) -> dict[str, Any]:
    """Return the options the type needs; each one given costs time at each call."""
    kinds = {type(node) for node in nodes(info)}
    options: dict[str, Any] = {}
    if inspect.DictType in kinds:
        options["str_keys"] = True
    if kinds & {inspect.BytesType, inspect.ByteArrayType}:
        # bytes as the source's only native type: else text is taken for base64.
        options["builtin_types"] = (bytes,)
    if inspect.CustomType in kinds:
        options["dec_hook"] = _convert_custom
    return options


class _Rejected(ValueError):
    """A pydantic model refused a value; `path` is inside the model."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__("rejected")
        self.path = path
        self.text = text


def _convert_custom(cls: Any, value: Any) -> Any:
    if not is_pydantic(cls):
        raise _Rejected("", f"expected {cls.__name__}, got {type(value).__name__}")
    try:
        return cls.model_validate(value)
    except sys.modules["pydantic"].ValidationError as error:
        raise _pydantic_rejection(error) from None


def _pydantic_rejection(error: Any) -> _Rejected:
    details = error.errors(
        include_url=False, include_context=False, include_input=False
    )
    first: Mapping[str, Any] = details[0]
    path = "".join(
        f"[{part}]" if isinstance(part, int) else f".{_member(part)}"
        for part in first["loc"]
    )
    kind, text = first["type"], first["msg"]
    if kind in ("value_error", "assertion_error", "union_tag_invalid"):
        # These texts are free to quote what the caller sent.
        text = "not accepted"
    elif kind.endswith("_parsing"):
        text = text.partition(",")[0]
    return _Rejected(path, text[:1].lower() + text[1:])


def _member(part: Any) -> str:
    name = str(part)
    return name if name.isidentifier() and len(name) <= _MAX_NAME else "[...]"


def _problem(error: msgspec.ValidationError) -> str:
    """Return path, colon and text; msgspec's wording without the payload."""
    text, _, where = str(error).rpartition(" - at ")
    found = _WHERE.fullmatch(where)
    path, in_key = (found["path"], bool(found["key"])) if found else ("", False)
    cause = error.__cause__
    if isinstance(cause, _Rejected):
        path, text = path + cause.path, cause.text
    elif cause is not None:
        # Raised by a validator or __post_init__: free to quote what the caller sent.
        text = "not accepted"
    else:
        text = _reworded(text)
    return f"{path}: {'a key: ' if in_key else ''}{text}"


def _reworded(text: str) -> str:
    if text.startswith(("Invalid enum value", "Invalid value")):
        return "not one of the allowed values"
    if found := _MISSING_MEMBER.fullmatch(text):
        return f"member {found[1]!r} is missing"
    if found := _UNKNOWN_MEMBER.fullmatch(text):
        return f"unknown member {quoted(found[1])}"
    return text[:1].lower() + text[1:].replace("`", "")
