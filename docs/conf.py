"""Sphinx configuration; build with ``make docs``. Nothing is fetched from the net."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from aiohttp_serverwamp import __version__  # noqa: E402 - found by the line above

project = "aiohttp-serverwamp"
author = "aiohttp-serverwamp contributors"
copyright = "2026, aiohttp-serverwamp contributors"
release = __version__
version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "growing_program",
    "page_links",
    "python_names",
    "state_picture",
]
exclude_patterns = ["_build"]
nitpicky = True
default_role = "py:obj"

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
maximum_signature_line_length = 60
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"aiohttp-serverwamp {release}"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sphinx = False
