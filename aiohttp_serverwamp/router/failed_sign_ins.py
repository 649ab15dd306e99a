"""Who has failed to sign in lately, and has to wait for another try (REQ-AUTH-014).

Failures are counted for an authid at an address, and for an address whatever the
authid; not for an authid from everywhere: anybody could lock anybody out. So nothing is
counted where no address is known, as behind a Unix socket whose proxy is not trusted:
there a wrong answer costs its connection, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp_serverwamp.limits import Limits

__all__ = ["FailedSignIns", "network_of"]

#: Addresses, and authids at addresses, that are remembered; then the oldest is not.
MAX_REMEMBERED: Final = 10_000

#: What one customer of a provider has, who can take a new address for every try.
_IPV6_PREFIX_BYTES: Final = 8


def network_of(peer_address: object) -> str:
    """Return from where a client comes, as `transport_info` has its address.

    An address, the first 64 bits of an IPv6 one; empty if it is not known, or the path
    of a Unix socket, which is the same for everybody.
    """
    try:
        address = ip_address(str(peer_address).partition("%")[0])
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return address.packed[:_IPV6_PREFIX_BYTES].hex(":", 2) + "::/64"


@dataclass(slots=True)
class _Failures:
    count: int
    until: float


class _Counter:
    """Failures by key; each is forgotten some time after its first."""

    def __init__(self, limit: int | None, window: float | None) -> None:
        self._limit = limit
        self._window = window
        # In the order of their first failures, which is that of their ends.
        self._failures: dict[Hashable, _Failures] = {}

    def __len__(self) -> int:
        return len(self._failures)

    def is_full(self, key: Hashable, now: float) -> bool:
        found = self._failures.get(key)
        if found is None or self._limit is None:
            return False
        return now < found.until and found.count >= self._limit

    def add(self, key: Hashable, now: float) -> None:
        if not self._limit or not self._window:
            return
        self._drop_old(now)
        if key not in self._failures:
            if len(self._failures) >= MAX_REMEMBERED:
                del self._failures[next(iter(self._failures))]
            self._failures[key] = _Failures(0, now + self._window)
        self._failures[key].count += 1

    def _drop_old(self, now: float) -> None:
        while self._failures:
            oldest = next(iter(self._failures))
            if now < self._failures[oldest].until:
                return
            del self._failures[oldest]

    def drop(self, key: Hashable) -> None:
        self._failures.pop(key, None)


class FailedSignIns:
    """The failures that an application remembers; `now` is its clock, in seconds."""

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        window = limits.failed_sign_in_window
        self._now = now
        self._of_names = _Counter(limits.max_failed_sign_ins, window)
        self._of_networks = _Counter(limits.max_failed_sign_ins_per_address, window)

    def __len__(self) -> int:
        """Return how much is remembered."""
        return len(self._of_names) + len(self._of_networks)

    def refuses(self, network: str, authid: str) -> bool:
        """Tell whether a client has to wait before it may try again."""
        if not network:
            return False
        now = self._now()
        return self._of_names.is_full(_name_at(network, authid), now) or (
            self._of_networks.is_full(network, now)
        )

    def add(self, network: str, authid: str) -> None:
        """Count a failure, at an address that is known."""
        if not network:
            return  # all whose address is not would pay for one of them
        now = self._now()
        self._of_names.add(_name_at(network, authid), now)
        self._of_networks.add(network, now)

    def forgive(self, network: str, authid: str) -> None:
        """Forget the failures of an authid that has signed in from there.

        Not those of the address: a guesser may have an account too.
        """
        self._of_names.drop(_name_at(network, authid))


def _name_at(network: str, authid: str) -> tuple[str, str]:
    # Applications often look names up whatever their case, and without what surrounds
    # them: a guesser gets no more tries for each spelling.
    return network, authid.strip().casefold()
