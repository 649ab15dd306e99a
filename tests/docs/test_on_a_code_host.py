"""What a code host makes of README.rst and docs/: docutils alone, without complaints.

There is no Sphinx there. A directive that docutils does not know, or with an option
that it does not know, is left out without a word; a role stands there as it is written.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from growing_program import FINISHED, TUTORIAL, files_after, pages
from tests.code_blocks import code_blocks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: The reference is made of the docstrings, which only Sphinx reads.
BUILT_ONLY = (DOCS / "_build", DOCS / "reference")
PAGES = [
    ROOT / "README.rst",
    ROOT / "CONTRIBUTING.rst",
    *(
        page
        for page in sorted(DOCS.rglob("*.rst"))
        if not {*BUILT_ONLY} & {*page.parents}
    ),
]


def shown(page: Path) -> nodes.document:
    """Return a page as a code host reads it."""
    document: nodes.document = publish_doctree(
        page.read_text(encoding="utf-8"),
        source_path=str(page),
        settings_overrides={
            "report_level": 5,
            "halt_level": 5,
            "file_insertion_enabled": False,
            "raw_enabled": False,
        },
    )
    return document


def code_on(page: Path) -> list[list[str]]:
    """Return the blocks of code that it shows, by words: tabs have become spaces."""
    return [
        block.astext().split()
        for block in shown(page).findall(nodes.literal_block)
        if "code" in block["classes"]
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_code_host_shows_every_block_of_code(page: Path) -> None:
    assert code_on(page) == [block.source.split() for block in code_blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_code_host_knows_every_role(page: Path) -> None:
    assert [each.astext() for each in shown(page).findall(nodes.problematic)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_links_of_a_page_lead_to_files(page: Path) -> None:
    targets = {
        link["refuri"]
        for link in shown(page).findall(nodes.reference)
        if "refuri" in link and ":" not in link["refuri"]
    }

    assert {each for each in targets if not (page.parent / each).is_file()} == set()


def test_what_a_code_host_would_leave_out_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.rst"
    page.write_text(
        ".. code-block:: python\n    :caption: app.py\n\n    x = 1\n\n:doc:`page`\n",
        encoding="utf-8",
    )

    assert code_on(page) == []
    assert len(code_blocks(page)) == 1
    assert [*shown(page).findall(nodes.problematic)] != []


def test_every_page_of_the_tutorial_is_linked_from_its_first() -> None:
    links = [
        link["refuri"]
        for link in shown(TUTORIAL / "index.rst").findall(nodes.reference)
        if link["refuri"].endswith(".rst")
    ]

    assert links == [page.name for page in pages()]


def test_the_files_in_the_repository_are_those_of_the_last_page() -> None:
    """Write them anew with: python docs/_ext/growing_program.py."""
    there = {
        path.name: path.read_text(encoding="utf-8")
        for path in FINISHED.iterdir()
        if path.is_file()
    }

    assert there == files_after(pages()[-1])
    linked = (TUTORIAL / "index.rst").read_text(encoding="utf-8")
    assert [name for name in there if f"<mill/{name}>`_" not in linked] == []
