"""Plays wire traces as the specification writes them.

``C> [48,...]`` is sent by client C, ``C< [50,...]`` is what C receives. Before anything
is sent, and at the end, nobody may have received more than the trace says. The numbers
from 501 to 699 and words in angle brackets are placeholders; they stand for one value
throughout a trace. ``"..."`` is any text, ``{...}`` any dict, and an ending ``,...]``
admits an optional payload. What stands in round brackets is a remark.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.conformance.harness import Client, encoded

STEP = re.compile(r"(\w*)([<>])\s+(\[.*?\])(?=\s|$)")
REMARK = re.compile(r"\s+\(.*?\)\s*$")
PLACEHOLDERS = range(501, 700)


class Trace:
    """The clients of a trace, by letter, and what its placeholders stand for."""

    def __init__(self, **clients: Client) -> None:
        self._clients = clients
        self._bound: dict[Any, Any] = {
            f"<{name}>": client.id for name, client in clients.items()
        }
        self._arrived: dict[str, list[Any]] = {name: [] for name in clients}

    def play(self, script: str) -> None:
        for line in script.strip().splitlines():
            text = REMARK.sub("", line.strip())
            assert STEP.sub("", text).strip() == "", f"not understood: {line}"
            for name, direction, message in STEP.findall(text):
                if direction == ">":
                    self._nothing_besides(line)
                    self._send(self._clients[name], _parsed(message))
                else:
                    self._expect(name, _parsed(message), line)
        self._nothing_besides("the end")

    def _send(self, client: Client, message: Any) -> None:
        client.send_raw(encoded(self._resolved(message), client.serializer))

    def _expect(self, name: str, expected: Any, line: str) -> None:
        self._collect()
        assert self._arrived[name], f"{name} received nothing: {line}"
        message = self._arrived[name].pop(0)
        assert self._agrees(expected, message), f"{message} came: {line}"

    def _nothing_besides(self, line: str) -> None:
        self._collect()
        assert not any(self._arrived.values()), f"{self._arrived} came before {line}"

    def _collect(self) -> None:
        for name, client in self._clients.items():
            self._arrived[name] += client.received()

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        if isinstance(value, dict):
            return {key: self._resolved(item) for key, item in value.items()}
        return self._bound[value] if _is_placeholder(value) else value

    def _agrees(self, expected: Any, found: Any) -> bool:
        if _is_placeholder(expected):
            return bool(self._bound.setdefault(expected, found) == found)
        if expected == "...":
            return isinstance(found, str) and bool(found)
        if expected == "{...}":
            return isinstance(found, dict)
        if isinstance(expected, list) and isinstance(found, list):
            if expected[-1:] == ["...]"]:
                expected = expected[:-1]
                found = found[: len(expected)]
            return len(expected) == len(found) and all(
                self._agrees(*pair) for pair in zip(expected, found, strict=True)
            )
        if isinstance(expected, dict) and isinstance(found, dict):
            return expected.keys() == found.keys() and all(
                self._agrees(expected[key], found[key]) for key in expected
            )
        return type(expected) is type(found) and bool(expected == found)


def _parsed(text: str) -> Any:
    text = text.replace(",...]", ',"...]"]').replace("{...}", '"{...}"')
    return json.loads(re.sub(r"(?<=[\[,:])(<\w+>)", r'"\1"', text))


def _is_placeholder(value: Any) -> bool:
    if isinstance(value, str):
        return value.startswith("<") and value.endswith(">")
    return type(value) is int and value in PLACEHOLDERS
