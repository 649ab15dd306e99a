"""Draw the states of a session, from the table that dispatches its messages.

What a state admits is read from ``HANDLERS``. Where a message leads is not in the
table, for handlers set the state: that stands here, and a test drives a session through
every arrow that is drawn and every message that has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from textwrap import wrap
from typing import Final, TypeAlias

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from aiohttp_serverwamp.messages import (
    Abort,
    Authenticate,
    Challenge,
    Goodbye,
    Hello,
    Message,
    Welcome,
)
from aiohttp_serverwamp.router.session import HANDLERS
from aiohttp_serverwamp.router.states import State

Steps: TypeAlias = Mapping[State, Mapping[type[Message], State]]

#: Where a received message leads; one that is not named here leaves the state as it is.
RECEIVED: Final[Steps] = {
    State.CLOSED: {Hello: State.ESTABLISHING, Abort: State.ENDED},
    State.ESTABLISHING: {Abort: State.ENDED},
    State.AUTHENTICATING: {Authenticate: State.ESTABLISHING, Abort: State.ENDED},
    State.ESTABLISHED: {Goodbye: State.BETWEEN, Abort: State.ENDED},
    State.BETWEEN: {Hello: State.ESTABLISHING, Abort: State.ENDED},
    State.SHUTTING_DOWN: {Goodbye: State.ENDED, Abort: State.ENDED},
    State.ENDED: {},
}
#: Where what the server says leads.
SENT: Final[Steps] = {
    State.CLOSED: {Abort: State.ENDED},
    State.ESTABLISHING: {
        Challenge: State.AUTHENTICATING,
        Welcome: State.ESTABLISHED,
        Abort: State.ENDED,
    },
    State.AUTHENTICATING: {Abort: State.ENDED},
    State.ESTABLISHED: {Goodbye: State.SHUTTING_DOWN, Abort: State.ENDED},
    State.BETWEEN: {Abort: State.ENDED},
    State.SHUTTING_DOWN: {},
    State.ENDED: {},
}

WIDTH: Final = 574
LEFT, RIGHT = 124, 424
RAIL_RIGHT: Final = 554
#: The ways past several boxes, the shortest nearest to them.
RAILS_LEFT: Final = (90, 56, 22)
LINE: Final = 20
GAP: Final = 62


def name_of(message: type[Message]) -> str:
    """Return a message's name as the specification writes it."""
    return message.__name__.upper()


def admitted(state: State) -> list[str]:
    """Return the names of the messages that a state admits."""
    return [name_of(message) for message in HANDLERS[state]]


def picture() -> str:
    """Return the drawing as SVG."""
    boxes, height = _boxes()
    shapes = [_box(state, *edges) for state, edges in boxes.items()]
    labels = []
    rails = iter(RAILS_LEFT)
    for source, target in sorted(_steps(), key=_length):
        received, sent = _causes(source, target)
        top, bottom = boxes[source]
        if _length((source, target)) == 1:
            arrow, label = _beside(boxes, source, target, received, sent)
        elif target is State.ENDED:
            arrow, label = _rail_right(top, bottom, height, received, sent)
        else:
            rail, end = next(rails), boxes[target]
            arrow, label = _rail_left(rail, bottom, end, received, sent)
        shapes.append(arrow)
        # Last, so that no arrow crosses them.
        labels.append(label)
    return (
        f'<svg class="states" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' aria-label="The states of a session">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8"'
        ' markerHeight="8" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker>'
        f"</defs>{''.join(shapes + labels)}</svg>"
    )


def _steps() -> list[tuple[State, State]]:
    """Return the pairs of states between which there is an arrow, each once."""
    steps = [
        (source, target)
        for source in State
        for target in (*RECEIVED[source].values(), *SENT[source].values())
    ]
    return [*dict.fromkeys(steps)]


def _length(step: tuple[State, State]) -> int:
    """Return how many boxes an arrow is long."""
    order = [*State]
    return abs(order.index(step[1]) - order.index(step[0]))


def _boxes() -> tuple[dict[State, tuple[int, int]], int]:
    """Return the top and bottom edge of each box, and the height of the whole."""
    boxes: dict[State, tuple[int, int]] = {}
    top = 4
    for state in State:
        bottom = top + LINE * (len(_lines(state)) + 1) + 14
        boxes[state] = (top, bottom)
        top = bottom + GAP
    return boxes, top - GAP + 4


def _lines(state: State) -> list[str]:
    return wrap(", ".join(admitted(state)), 33) or ["nothing"]


def _box(state: State, top: int, bottom: int) -> str:
    lines = "".join(
        f'<tspan x="{LEFT + 12}" dy="{LINE}">{escape(line)}</tspan>'
        for line in _lines(state)
    )
    return (
        f'<g id="state-{state.name}"><rect x="{LEFT}" y="{top}"'
        f' width="{RIGHT - LEFT}" height="{bottom - top}" rx="6"/>'
        f'<text class="name" x="{LEFT + 12}" y="{top + LINE}">{state.value}</text>'
        f'<text x="{LEFT + 12}" y="{top + LINE}">{lines}</text></g>'
    )


def _causes(source: State, target: State) -> tuple[str, str]:
    """Return what leads from one state to another: received, and sent."""
    received = [name_of(m) for m, state in RECEIVED[source].items() if state is target]
    sent = [name_of(m) for m, state in SENT[source].items() if state is target]
    return ", ".join(received), f"sends {', '.join(sent)}" if sent else ""


def _arrow(path: str) -> str:
    return f'<path class="arrow" d="{path}" marker-end="url(#tip)"/>'


def _label(x: float, y: float, text: str, *, sent: bool, more: str = "") -> str:
    kind = "sent" if sent else "received"
    return f'<text class="{kind}" x="{x}" y="{y}"{more}>{text}</text>' if text else ""


def _beside(
    boxes: Mapping[State, tuple[int, int]],
    source: State,
    target: State,
    received: str,
    sent: str,
) -> tuple[str, str]:
    """Draw an arrow to the box below, or above; return it and its label."""
    down = boxes[target][0] > boxes[source][0]
    x = LEFT + (24 if down else 186)
    start, end = (1, 0) if down else (0, 1)
    middle = (boxes[source][start] + boxes[target][end]) / 2 + 5
    text = _label(x + 10, middle - (10 if sent else 0), received, sent=False)
    text += _label(x + 10, middle + (10 if received else 0), sent, sent=True)
    return _arrow(f"M{x} {boxes[source][start]}V{boxes[target][end]}"), text


def _rail_right(
    top: int, bottom: int, end: int, received: str, sent: str
) -> tuple[str, str]:
    """Draw the way to the end, past everything between."""
    y, last = (top + bottom) / 2, end - 24
    text = _label(RIGHT + 10, y - 7, received, sent=False)
    text += _label(RIGHT + 10, y + 18, sent, sent=True)
    return _arrow(f"M{RIGHT} {y}H{RAIL_RIGHT}V{last}H{RIGHT}"), text


def _rail_left(
    rail: int, bottom: int, target: tuple[int, int], received: str, sent: str
) -> tuple[str, str]:
    """Draw the way past the boxes between, up or down."""
    start, end = bottom - 12, (target[0] + target[1]) / 2
    x, middle = rail - 6, (start + end) / 2
    turned = f' transform="rotate(-90 {x} {middle})" text-anchor="middle"'
    text = ", ".join(filter(None, (received, sent)))
    label = _label(x, middle, text, sent=bool(sent), more=turned)
    return _arrow(f"M{LEFT} {start}H{rail}V{end}H{LEFT}"), label


def sentences() -> Iterator[str]:
    """Say the same in words, for formats that show no drawing."""
    for state in State:
        yield f"{state.value} admits {', '.join(admitted(state)) or 'nothing'}"
        for message, target in RECEIVED[state].items():
            yield f"  {name_of(message)} leads to {target.value}"
        for message, target in SENT[state].items():
            yield f"  sending {name_of(message)} leads to {target.value}"


class StatePicture(SphinxDirective):
    """``.. state-picture::``: the drawing."""

    def run(self) -> list[nodes.Node]:
        """Return it, as SVG or in words."""
        if self.env.app.builder.format == "html":
            return [nodes.raw("", picture(), format="html")]
        text = "\n".join(sentences())
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("state-picture", StatePicture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
