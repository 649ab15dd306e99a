"""UriIndex: which registrations, subscriptions or rules match a URI, best first.

The cost of a look-up grows with the URI alone. An exact match is one dict look-up. A
prefix is one look-up for each *length* in use that fits into the URI. Wildcards lie in
tries, one for each number of components, so that only nodes that agree with the URI so
far are visited. Patterns that have nothing to do with a URI cost it nothing.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

from aiohttp_serverwamp.uris import Match

__all__ = ["UriIndex"]

T = TypeVar("T")


class _Node:
    """One component of wildcard patterns; the child under "" stands for any."""

    __slots__ = ("children", "pattern")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        #: The whole pattern, where it ends here.
        self.pattern = ""


class UriIndex(Generic[T]):
    """One value per URI and match policy; None is not a value.

    URIs are taken as they come: whoever adds one has checked it with `is_valid_uri`.
    Change the index only between iterations, not during one.
    """

    __slots__ = ("_exact", "_lengths", "_prefixes", "_tables", "_tries", "_wildcards")

    def __init__(self) -> None:
        self._exact: dict[str, T] = {}
        self._prefixes: dict[str, T] = {}
        self._wildcards: dict[str, T] = {}
        self._tables = {
            Match.EXACT: self._exact,
            Match.PREFIX: self._prefixes,
            Match.WILDCARD: self._wildcards,
        }
        self._lengths = _Lengths()
        # The roots of the tries, by the number of dots in the pattern.
        self._tries: dict[int, _Node] = {}

    def __len__(self) -> int:
        return len(self._exact) + len(self._prefixes) + len(self._wildcards)

    def __iter__(self) -> Iterator[tuple[str, Match, T]]:
        for match, table in self._tables.items():
            for uri, value in table.items():
                yield uri, match, value

    def get(self, uri: str, match: Match) -> T | None:
        """Return the value stored under exactly this key."""
        return self._tables[match].get(uri)

    def set(self, uri: str, match: Match, value: T) -> None:
        """Store `value`, in place of what the key held before."""
        table = self._tables[match]
        if uri not in table:
            if match is Match.PREFIX:
                self._lengths.add(len(uri))
            elif match is Match.WILDCARD:
                self._grow(uri)
        table[uri] = value

    def remove(self, uri: str, match: Match) -> None:
        """Forget the key and all that was kept for it; KeyError if it is absent."""
        del self._tables[match][uri]
        if match is Match.PREFIX:
            self._lengths.discard(len(uri))
        elif match is Match.WILDCARD:
            self._prune(uri)

    def best(self, uri: str) -> T | None:
        """Return the one value that a call of `uri` goes to (REQ-RPC-110 to 113).

        The exact match, else the longest prefix, else the best wildcard: at the first
        component in which two matching patterns differ, the literal one wins.
        """
        # Hot path: every CALL.
        value = self._exact.get(uri)
        if value is None and self._prefixes:
            value = next(self._matching_prefixes(uri), None)
        if value is None and self._wildcards:
            value = next(self._matching_wildcards(uri), None)
        return value

    def matches(self, uri: str) -> list[T]:
        """Return every value that matches `uri`, in the order of `best`."""
        # Hot path: every PUBLISH, and every decision of the permission rules.
        value = self._exact.get(uri)
        found = [] if value is None else [value]
        if self._prefixes:
            found += self._matching_prefixes(uri)
        if self._wildcards:
            found += self._matching_wildcards(uri)
        return found

    def _matching_prefixes(self, uri: str) -> Iterator[T]:
        prefixes = self._prefixes
        for length in self._lengths.longest_first(len(uri)):
            value = prefixes.get(uri[:length])
            if value is not None:
                yield value

    def _matching_wildcards(self, uri: str) -> Iterator[T]:
        root = self._tries.get(uri.count("."))
        if root is None:
            return
        components = uri.split(".")
        # A stack of its own: recursion would let a client's long URI end in
        # RecursionError.
        pending = [(root, 0)]
        while pending:
            node, depth = pending.pop()
            if depth == len(components):
                yield self._wildcards[node.pattern]
                continue
            component = components[depth]
            # What is pushed last is visited first: the literal before the wildcard.
            if (wildcard := node.children.get("")) is not None:
                pending.append((wildcard, depth + 1))
            if component and (literal := node.children.get(component)) is not None:
                pending.append((literal, depth + 1))

    def _grow(self, pattern: str) -> None:
        node = self._tries.setdefault(pattern.count("."), _Node())
        for component in pattern.split("."):
            node = node.children.setdefault(component, _Node())
        node.pattern = pattern

    def _prune(self, pattern: str) -> None:
        dots = pattern.count(".")
        node = self._tries[dots]
        path = []
        for component in pattern.split("."):
            path.append((node, component))
            node = node.children[component]
        for parent, component in reversed(path):
            if parent.children[component].children:
                return
            del parent.children[component]
        if not self._tries[dots].children:
            del self._tries[dots]


class _Lengths:
    """The distinct lengths of the prefixes in use, and how many prefixes have each."""

    __slots__ = ("_sorted", "_uses")

    def __init__(self) -> None:
        self._sorted: list[int] = []
        self._uses: dict[int, int] = {}

    def add(self, length: int) -> None:
        if length not in self._uses:
            insort(self._sorted, length)
        self._uses[length] = self._uses.get(length, 0) + 1

    def discard(self, length: int) -> None:
        self._uses[length] -= 1
        if not self._uses[length]:
            del self._uses[length]
            self._sorted.remove(length)

    def longest_first(self, limit: int) -> Iterator[int]:
        """Iterate over the lengths that are at most `limit`."""
        return reversed(self._sorted[: bisect_right(self._sorted, limit)])
