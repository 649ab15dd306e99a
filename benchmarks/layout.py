"""Columns of text."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["columns"]


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Align the cells of the lines: the first column left, the others right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_laid_out(line, widths) for line in lines)


def _laid_out(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = line
    cells = [first.ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
    return "  ".join(cells).rstrip()
