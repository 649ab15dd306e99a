"""Sphinx configuration; build with ``make docs``."""

from __future__ import annotations

from aiohttp_serverwamp import __version__

project = "aiohttp-serverwamp"
author = "aiohttp-serverwamp contributors"
copyright = "2026, aiohttp-serverwamp contributors"
release = __version__
version = __version__
extensions: list[str] = []
exclude_patterns = ["_build"]
html_theme = "alabaster"
