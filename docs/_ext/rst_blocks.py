"""The code blocks of a reStructuredText document."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The line above a block that is part of a file. A caption would do for Sphinx, but a
#: code host leaves out blocks with options that it does not know.
_NAMED = re.compile(r"\bIn ``([\w.]+)``.*:$")


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """One ``.. code-block::`` with its indentation removed."""

    document: Path
    language: str
    line: int
    source: str
    #: The file that the block belongs to, where the line above says so.
    file: str = ""

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"

    def run(self, namespace: dict[str, Any]) -> None:
        """Execute Python; a traceback shows the document and its line."""
        padded = "\n" * (self.line - 1) + self.source
        # The block's own future imports count, and not those of this module.
        code = compile(padded, self.document, "exec", dont_inherit=True)
        exec(code, namespace)


def code_blocks(document: Path, text: str | None = None) -> list[CodeBlock]:
    """Return every code block of the document, or of `text` in its place."""
    text = document.read_text(encoding="utf-8") if text is None else text
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines):
        directive, _, language = line.strip().partition("::")
        if directive == ".. code-block":
            start, body = _body(lines, number)
            source = textwrap.dedent("\n".join(body)).strip("\n") + "\n"
            named = _NAMED.search(lines[max(number - 2, 0)])
            file = named[1] if named else ""
            found.append(CodeBlock(document, language.strip(), start + 1, source, file))
    return found


def _body(lines: list[str], number: int) -> tuple[int, list[str]]:
    """Return where the indented body of the directive starts, and the body."""
    margin = len(lines[number]) - len(lines[number].lstrip())
    start = number + 1
    # Options stand directly below the directive, up to the first empty line.
    while start < len(lines) and lines[start].strip():
        start += 1
    while start < len(lines) and not lines[start].strip():
        start += 1
    end = start
    while end < len(lines) and (
        not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > margin
    ):
        end += 1
    return start, lines[start:end]
