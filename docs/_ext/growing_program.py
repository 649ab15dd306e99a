"""The tutorial's files, put together from the blocks of its pages.

A block goes into the file that the line above it names. Python grows by name: imports
go to the top, what is defined anew goes below what is there and the old one is deleted,
and ``if __name__`` stays at the end. HTML is added below what is there. So each page
shows what is new, and the file that is shown at its end, and run by the tests, is the
one that a reader has by then.

A code host shows no such files, so docs/tutorial/mill has those of the last page:
``python docs/_ext/growing_program.py`` writes them anew.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from rst_blocks import CodeBlock, code_blocks

#: Which pages come first: the tutorial's table of contents.
TUTORIAL = Path(__file__).parents[1] / "tutorial"
#: Where its files are, as they are at its end.
FINISHED = TUTORIAL / "mill"


def pages() -> list[Path]:
    """Return the pages of the tutorial in the order they are read."""
    lines = (TUTORIAL / "index.rst").read_text(encoding="utf-8").splitlines()
    named = [TUTORIAL / f"{line.strip()}.rst" for line in lines if line.strip()]
    return [page for page in named if page.is_file()]


def pages_to(last: Path) -> list[Path]:
    """Return the pages that were read when `last` was."""
    order = pages()
    return order[: order.index(last) + 1]


def files_of(blocks: Iterable[CodeBlock]) -> dict[str, str]:
    """Return the files that the blocks make, by name."""
    parts: dict[str, list[str]] = {}
    for block in blocks:
        if block.file:
            parts.setdefault(block.file, []).append(block.source)
    return {
        name: grown(sources) if name.endswith(".py") else "\n".join(sources)
        for name, sources in parts.items()
    }


def files_after(page: Path) -> dict[str, str]:
    """Return the files that a reader has at the end of a page."""
    return files_of(block for each in pages_to(page) for block in code_blocks(each))


def write_finished() -> None:
    """Write the files that a reader has at the end of the last page."""
    for name, text in files_after(pages()[-1]).items():
        (FINISHED / name).write_text(text, encoding="utf-8")


def grown(sources: Sequence[str]) -> str:
    """Put the parts of a Python file together."""
    imports = _Imports()
    parts: dict[str, str] = {}
    for source in sources:
        for statement, text in _statements(source):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                imports.add(statement)
                continue
            name = _name_of(statement) or text
            # Below what its new version may refer to.
            parts.pop(name, None)
            parts[name] = text
    for name in [name for name in parts if name.startswith("if __name__")]:
        parts[name] = parts.pop(name)
    return imports.text() + _joined([*parts.values()])


def _statements(source: str) -> list[tuple[ast.stmt, str]]:
    """Split a block, each statement with the comments and decorators above it."""
    lines = source.splitlines()
    found = []
    start = 0
    for statement in ast.parse(source).body:
        end = statement.end_lineno or 0
        found.append((statement, "\n".join(lines[start:end]).strip("\n")))
        start = end
    return found


def _name_of(statement: ast.stmt) -> str | None:
    """Return what a statement defines at the top of its file."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return statement.name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None


class _Imports:
    """The imports of a file, each name once, in the order of ruff and isort."""

    def __init__(self) -> None:
        self._plain: set[str] = set()
        self._names: dict[str, set[str]] = {}

    def add(self, statement: ast.Import | ast.ImportFrom) -> None:
        """Take one import statement."""
        if isinstance(statement, ast.ImportFrom):
            names = self._names.setdefault(statement.module or "", set())
            names.update(ast.unparse(alias) for alias in statement.names)
        else:
            self._plain.update(ast.unparse(alias) for alias in statement.names)

    def text(self) -> str:
        """Return the top of the file."""
        sections: tuple[list[str], list[str]] = ([], [])
        for name in sorted(self._plain):
            sections[_is_installed(name)].append(f"import {name}")
        for module, names in sorted(self._names.items()):
            line = f"from {module} import {', '.join(sorted(names))}"
            sections[_is_installed(module)].append(line)
        return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _is_installed(module: str) -> bool:
    """Tell whether a module is not one of Python's own."""
    return module.split(".")[0].split(" ")[0] not in sys.stdlib_module_names


def _joined(parts: Sequence[str]) -> str:
    text = "\n"
    above = ""
    for part in parts:
        apart = _is_tall(part) or _is_tall(above)
        text += ("\n\n\n" if apart else "\n") + part
        above = part
    return text + "\n"


def _is_tall(part: str) -> bool:
    code = (line for line in part.splitlines() if not line.startswith("#"))
    begins = next(code, "")
    return begins.startswith(("@", "def ", "async def ", "class ", "if "))


class WholeFile(SphinxDirective):
    """``.. whole-file:: app.py``: the file as it is at the end of this page, folded."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the listing, between the halves of a ``details`` element."""
        name = self.arguments[0]
        page = Path(self.env.doc2path(self.env.docname))
        for each in pages_to(page):
            self.env.note_dependency(str(each))
        listing = nodes.literal_block(text=(text := files_after(page)[name]))
        listing["language"] = name.rpartition(".")[2].replace("py", "python")
        listing.rawsource = text
        opening = f"<details><summary><code>{name}</code> by now</summary>"
        return [
            nodes.raw("", opening, format="html"),
            listing,
            nodes.raw("", "</details>", format="html"),
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("whole-file", WholeFile)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    write_finished()
