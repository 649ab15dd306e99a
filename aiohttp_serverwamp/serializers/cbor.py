"""CBOR by cbor2, fenced to the types of WAMP (REQ-SER-011, 012).

cbor2 knows a good many tags: it compiles regular expressions, parses e-mail, follows
references to what was decoded before. All of them are refused here but the two of big
integers and the one of byte arrays, as which JavaScript's libraries write any
``Uint8Array`` (RFC 8746, 2.1). Importing this module does not need cbor2;
`CBORSerializer` does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from aiohttp_serverwamp.errors import ConfigurationError, EncodingError, InvalidPayload
from aiohttp_serverwamp.serializers.fence import check_encodable
from aiohttp_serverwamp.serializers.json import as_text

__all__ = ["MAX_INTEGER_SIZE", "CBORSerializer"]

#: Nested lists and dicts of any message, what cbor2 itself admits when it decodes. Its
#: encoder knows no bound and takes more than 1 KiB of the stack for each level: 1,024,
#: as the other serializers have it, crashes a thread whose stack is 1 MiB.
MAX_DEPTH: Final = 400

#: Bytes of an integer. Python's hash and multiplication of larger ones are for nobody.
MAX_INTEGER_SIZE: Final = 1_024

_POSITIVE, _NEGATIVE, _BYTE_ARRAY = 2, 3, 64

_TEXT: Final = frozenset({str})
_SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes})
_CONTAINERS: Final = frozenset({list, dict})

#: How cbor2 says that there are more levels than its option admits.
_DEPTH: Final = "nesting depth"

#: What Python's own functions may raise in the middle of it.
_FAILURES: Final = (ValueError, TypeError, OverflowError, RecursionError)

_Decode = Callable[[Any, bool], Any]


class CBORSerializer:
    """The serializer of ``wamp.2.cbor``.

    `max_depth` bounds the nesting of what is decoded; None or 0 stands for 400, and
    more than that is never decoded or encoded.

    Raises `ConfigurationError` where cbor2 is not installed, or is too old.
    """

    name = "cbor"
    binary = True

    def __init__(self, *, max_depth: int | None = None) -> None:
        try:
            import cbor2

            # What the checks of map keys need; it came with 6.2.
            cbor2.CBORDecoder(BytesIO(), strict_hashable_types=True)
        except (ImportError, TypeError) as error:
            raise ConfigurationError(
                "CBORSerializer needs cbor2 6.2 or later: "
                "pip install aiohttp-serverwamp[cbor]"
            ) from error
        self._cbor2 = cbor2
        self._undefined = type(cbor2.undefined)
        self._max_depth = min(max_depth or MAX_DEPTH, MAX_DEPTH)
        self._options: Final[dict[str, Any]] = {
            "max_depth": self._max_depth,
            # Only text and bytes are hashed with a secret; keys of one hash, which
            # integers can be, would take time that grows with the square of their size.
            "strict_hashable_types": True,
            "semantic_decoders": _Tags(
                {_POSITIVE: _positive, _NEGATIVE: _negative, _BYTE_ARRAY: _bytes}
            ),
        }

    def encode(self, message: list[Any]) -> bytes:
        """Return the encoded message.

        Its values are plain data with string keys, as for `JSONSerializer.encode`; the
        types are checked here, as cbor2 would write tags for others. A timestamp of
        MessagePack becomes text, as in JSON. Raises `EncodingError` for other types,
        deeper nesting than 400 and text with lone surrogates.
        """
        # Hot path.
        timestamps = check_encodable(message, MAX_DEPTH)
        try:
            if timestamps:
                return self._cbor2.dumps(message, encoders=_ENCODERS)
            return self._cbor2.dumps(message)
        except UnicodeEncodeError:
            # Its own text would quote the payload.
            raise EncodingError("not for CBOR: text without UTF-8") from None
        except (self._cbor2.CBORError, *_FAILURES) as error:
            raise EncodingError(f"not for CBOR: {error}") from None

    def decode(self, data: str | bytes) -> Any:
        """Return the one value in `data`; raise `InvalidPayload` for anything else."""
        # Hot path.
        if isinstance(data, str):
            raise InvalidPayload("not valid CBOR")
        decoder = self._cbor2.CBORDecoder(BytesIO(data), **self._options)
        try:
            message = decoder.decode()
        except (self._cbor2.CBORError, *_FAILURES) as error:
            raise InvalidPayload(_reason(error, self._max_depth)) from None
        try:
            decoder.read(1)
        except self._cbor2.CBORDecodeEOF:
            return self._plain(message)
        raise InvalidPayload("not valid CBOR: something follows the message")

    def _plain(self, message: Any) -> Any:
        """Return a message checked, with None for each ``undefined`` (REQ-MSG-011)."""
        root = [message]
        level: list[Any] = [root]
        for _ in range(self._max_depth + 1):
            inner: list[Any] = []
            for container in level:
                if not container:
                    continue  # of these a message may have the most
                values: Collection[Any] = container
                if type(container) is dict:
                    if not _TEXT.issuperset(map(type, container)):
                        raise InvalidPayload("a dict has a key that is not a string")
                    values = container.values()
                others = set(map(type, values)) - _SCALARS
                if others:
                    if others - _CONTAINERS:
                        self._replace_undefined(container, others - _CONTAINERS)
                    inner += [value for value in values if type(value) in _CONTAINERS]
            if not inner:
                return root[0]
            level = inner
        # An empty one below the last level, which cbor2 does not count.
        raise InvalidPayload(f"nested deeper than {self._max_depth} levels")

    def _replace_undefined(self, container: Any, kinds: set[type]) -> None:
        if kinds != {self._undefined}:
            raise InvalidPayload("a simple value that is not a type of WAMP")
        keys = container if type(container) is dict else range(len(container))
        for key in keys:
            if type(container[key]) is self._undefined:
                container[key] = None


def _write_timestamp(encoder: Any, value: datetime) -> None:
    encoder.encode_string(as_text(value))


_ENCODERS: Final[dict[type, Callable[[Any, Any], Any]]] = {datetime: _write_timestamp}


class _Tags(dict[int, _Decode]):
    """What decodes the content of a tag, by its number: all are refused but three."""

    def __missing__(self, tag: int) -> _Decode:
        return _refuse


def _refuse(value: Any, immutable: bool) -> Any:
    raise InvalidPayload("a tag that is not a type of WAMP")


def _bytes(value: Any, immutable: bool) -> bytes:
    if type(value) is not bytes:
        raise InvalidPayload("not valid CBOR")
    return value


def _positive(value: Any, immutable: bool) -> int:
    value = _bytes(value, immutable)
    if len(value) > MAX_INTEGER_SIZE:
        raise InvalidPayload(f"an integer of more than {MAX_INTEGER_SIZE} bytes")
    return int.from_bytes(value)


def _negative(value: Any, immutable: bool) -> int:
    return -1 - _positive(value, immutable)


def _reason(error: BaseException, max_depth: int) -> str:
    # What is raised while a tag is decoded comes wrapped, once for each level.
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, InvalidPayload):
            return str(cause)
        cause = cause.__cause__
    if _DEPTH in str(error):
        return f"nested deeper than {max_depth} levels"
    return "not valid CBOR"
