"""Find the code blocks of a reStructuredText document and run them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rst_blocks import CodeBlock, code_blocks

__all__ = ["CodeBlock", "code_blocks", "run_blocks"]


def run_blocks(
    blocks: Iterable[CodeBlock], namespace: dict[str, Any]
) -> dict[str, Any]:
    """Run the Python blocks in order in one namespace, and return it."""
    for block in blocks:
        if block.language == "python":
            block.run(namespace)
    return namespace
