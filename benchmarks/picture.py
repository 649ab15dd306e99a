"""A line chart as SVG: powers of ten to the right, values from 0 upwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, log10

__all__ = ["picture"]

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 50, 250, 30, 40
#: Told apart by those who see no red beside green, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#5d5d5d")
#: Horizontal lines, about.
LINES = 6


def picture(
    series: Mapping[str, Sequence[float]], sizes: Sequence[int], *, unit: str, of: str
) -> str:
    """Return the drawing of `series`, each a value for each of `sizes`.

    `unit` is that of the values, `of` says what the sizes are of.
    """
    top = max(1, ceil(max(max(values) for values in series.values())))
    first, last = log10(sizes[0]), log10(sizes[-1])
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(size: float) -> float:
        return LEFT + (log10(size) - first) / (last - first) * (right - LEFT)

    def y(value: float) -> float:
        return bottom - value / top * (bottom - TOP)

    size = f'width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">',
        f'<rect {size} fill="white"/>',
        _text(LEFT - 8, TOP - 12, unit, "end"),
        _text((LEFT + right) / 2, HEIGHT - 6, of, "middle"),
    ]
    for value in range(0, top + 1, max(1, top // LINES)):
        parts.append(_line([(LEFT, y(value)), (right, y(value))], "#dddddd"))
        parts.append(_text(LEFT - 8, y(value) + 4, str(value), "end"))
    parts += [_text(x(each), bottom + 18, f"{each:,}", "middle") for each in sizes]
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [(x(each), y(v)) for each, v in zip(sizes, values, strict=True)]
        height = TOP + number * 24
        parts.append(_line(points, colour))
        parts.append(_line([(right + 15, height), (right + 35, height)], colour))
        parts.append(_text(right + 42, height + 4, name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    along = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{along}" fill="none" stroke="{colour}"/>'


def _text(x: float, y: float, content: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="12"'
    return f"<text {place}>{escape(content)}</text>"
