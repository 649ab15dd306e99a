"""Links between pages that work on a code host, too: `text <page.rst>`_.

A code host shows each file by itself and knows no ``:doc:``, so pages link to files.
Here a link to a page becomes one to what is built of it, and a link to any other file
of docs/ lets the reader have the file.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

#: Before Sphinx collects what readers may download, which is at 500.
_EARLY = 400


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-read", _link_pages, priority=_EARLY)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _link_pages(app: Sphinx, document: nodes.document) -> None:
    for link in [*document.findall(nodes.reference)]:
        target = link.get("refuri", "")
        if not target or ":" in target or target.startswith("#"):
            continue
        link.replace_self(_pointing_to(target, link.astext(), app.env.docname))


def _pointing_to(target: str, text: str, page: str) -> nodes.Element:
    path = Path(target)
    inside = nodes.inline(text, text, classes=["std", "std-doc"])
    if path.suffix != ".rst":
        return addnodes.download_reference("", "", inside, reftarget=target)
    return addnodes.pending_xref(
        "",
        inside,
        refdomain="std",
        reftype="doc",
        reftarget=str(path.with_suffix("")),
        refdoc=page,
        # The text is the author's, and not the title of the page.
        refexplicit=True,
        refwarn=True,
    )
