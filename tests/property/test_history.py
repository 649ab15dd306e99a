"""Both history stores against an oracle that looks through everything there is."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aiohttp_serverwamp.history import (
    HistoryEvent,
    HistoryQuery,
    MemoryHistory,
    SQLiteHistory,
)

TOPICS = st.sampled_from(["a", "b"])
#: Few, so that events share them; out of order, as when clocks are set.
TIMES = st.integers(min_value=1, max_value=6)
IDENTITIES = [("ann", "user"), ("bob", "user"), ("ann", "admin")]
READERS = st.sampled_from([None, *IDENTITIES])
RECEIVERS = st.fixed_dictionaries(
    {},
    optional={
        f"{word}_{what}": st.lists(st.sampled_from(names), unique=True, max_size=2)
        for word in ("eligible", "exclude")
        for what, names in [("authid", ["ann", "bob"]), ("authrole", ["user", "admin"])]
    },
)
#: Some were never published, others are no longer kept.
PUBLICATIONS = st.none() | st.integers(min_value=1, max_value=12)
QUERIES = st.builds(
    HistoryQuery,
    reverse=st.booleans(),
    limit=st.none() | st.integers(min_value=1, max_value=4),
    topic=st.none() | TOPICS,
    from_time=st.none() | TIMES,
    after_time=st.none() | TIMES,
    before_time=st.none() | TIMES,
    until_time=st.none() | TIMES,
    from_publication=PUBLICATIONS,
    after_publication=PUBLICATIONS,
    before_publication=PUBLICATIONS,
    until_publication=PUBLICATIONS,
    reader=READERS,
    oldest=st.none() | TIMES,
)


@dataclass
class Oracle:
    """Keeps a list, and reads the specification literally."""

    events: list[HistoryEvent] = field(default_factory=list)

    def append(self, events: list[HistoryEvent], limit: int) -> None:
        self.events = [*self.events, *events][-limit:]

    def select(self, query: HistoryQuery) -> list[int]:
        order = [event.publication for event in self.events]

        def place(publication: int) -> int:
            return order.index(publication) if publication in order else -1

        found = [
            event.publication
            for at, event in enumerate(self.events)
            if self.admits(query, event)
            and not (
                (query.from_publication and at < place(query.from_publication))
                or (query.after_publication and at <= place(query.after_publication))
                or (query.before_publication and at >= place(query.before_publication))
                or (query.until_publication and at > place(query.until_publication))
            )
        ]
        if query.reverse:
            found.reverse()
        return found[: query.limit]

    @staticmethod
    def admits(query: HistoryQuery, event: HistoryEvent) -> bool:
        time, lists = event.timestamp, event.receivers
        if query.topic not in (None, event.topic):
            return False
        if query.reader is not None:
            for what, who in zip(("authid", "authrole"), query.reader, strict=True):
                if who not in lists.get(f"eligible_{what}", [who]):
                    return False
                if who in lists.get(f"exclude_{what}", []):
                    return False
        return not (
            (query.from_time and time < query.from_time)
            or (query.after_time and time <= query.after_time)
            or (query.before_time and time >= query.before_time)
            or (query.until_time and time > query.until_time)
            or (query.oldest and time < query.oldest)
        )


APPENDS = st.lists(
    st.tuples(
        st.lists(st.tuples(TOPICS, TIMES, RECEIVERS), max_size=4),
        st.integers(min_value=1, max_value=6),
    ),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(APPENDS, st.lists(QUERIES, min_size=1, max_size=8))
def test_both_stores_find_what_a_look_at_everything_finds(
    appended: list[tuple[list[tuple[str, int, dict[str, Any]]], int]],
    queries: list[HistoryQuery],
) -> None:
    oracle, memory = Oracle(), MemoryHistory()
    publication = 0
    with tempfile.TemporaryDirectory() as directory:
        file = SQLiteHistory(Path(directory, "history.sqlite"))
        for batch, limit in appended:
            events = []
            for topic, time, receivers in batch:
                publication += 1
                events.append(
                    HistoryEvent(publication, time, topic, {}, receivers=receivers)
                )
            oracle.append(events, limit)
            for store in (memory, file):
                store.append("log", events, limit=limit, oldest=None)
        for query in queries:
            expected = oracle.select(query)
            for store in (memory, file):
                found = [event.publication for event in store.select("log", query)]
                assert found == expected, type(store)
