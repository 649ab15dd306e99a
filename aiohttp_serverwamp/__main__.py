"""``python -m aiohttp_serverwamp``: what is done beside a running server."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from aiohttp_serverwamp import credentials_command

__all__ = ["command_line", "main"]


def command_line() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(prog="python -m aiohttp_serverwamp")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    credentials_command.add_to(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = command_line().parse_args(arguments)
    status: int = given.run(given)
    return status


if __name__ == "__main__":
    sys.exit(main())
