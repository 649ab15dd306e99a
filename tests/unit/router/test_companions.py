"""What ends with a session or a subscription."""

from __future__ import annotations

from aiohttp_serverwamp.router.companions import Companions


class Named:
    def __init__(self, name: str, ended: list[str]) -> None:
        self.name = name
        self.ended = ended

    def end(self) -> None:
        self.ended.append(self.name)


def test_each_ends_once_and_the_latest_first() -> None:
    ended: list[str] = []
    companions = Companions()
    companions.keep(Named("session", ended))
    companions.keep(Named("subscription", ended), 7)
    companions.keep(Named("another", ended), 8)
    gone = companions.keep(Named("gone", ended))

    companions.end(7)
    companions.drop(gone)
    companions.end_all()
    companions.end_all()

    assert ended == ["subscription", "another", "session"]


def test_a_key_is_not_taken_twice() -> None:
    """Also where an older one has been given back."""
    ended: list[str] = []
    companions = Companions()
    first = companions.keep(Named("a", ended))
    companions.keep(Named("b", ended))
    companions.drop(first)
    companions.keep(Named("c", ended))
    companions.keep(Named("subscription", ended), 1)

    companions.end_all()

    assert ended == ["subscription", "c", "b"]
