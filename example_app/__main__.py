"""Run the task board: ``python -m example_app``."""

from __future__ import annotations

import argparse
import logging
import os
import sqlite3
import warnings
from pathlib import Path

from aiohttp import web

from example_app.app import DATABASE, SECRET_FILE, UnusableKey, make_app
from example_app.demo import DEMO_NAMES, DEMO_PASSWORD

logger = logging.getLogger("example_app")


def main() -> None:
    """Serve until interrupted."""
    options = parse_arguments()
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    # One line a request tells the reader of a demo nothing.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    # aiohttp-session 2.12 has keys that are text, and aiohttp 3.14 warns of them.
    warnings.filterwarnings("ignore", category=web.NotAppKeyWarning)
    try:
        app = make_app(
            database=options.database,
            secret_file=options.secret_file,
            demo_tasks=not options.empty,
            https=options.https,
            metrics=options.metrics,
            drain_timeout=options.drain_timeout,
        )
    except UnusableKey as error:
        raise SystemExit(
            f"Cannot use the secret file {options.secret_file} ({error});"
            " choose another with --secret-file."
        ) from error
    app.on_startup.append(tell_how_to_sign_in)
    try:
        web.run_app(app, host=options.host, port=options.port)
    except sqlite3.DatabaseError as error:
        raise SystemExit(
            f"Cannot open the database {options.database} ({error});"
            " choose another with --database."
        ) from error
    except OSError as error:
        raise SystemExit(
            f"Cannot serve on {options.host}:{options.port} ({error.strerror});"
            " choose another with --host and --port."
        ) from error


async def tell_how_to_sign_in(app: web.Application) -> None:
    """Say who there is, once the database is open."""
    logger.info("sign in as %s with %r", " or ".join(DEMO_NAMES), DEMO_PASSWORD)


def port_number(text: str) -> int:
    """Read the number of a port; 0 stands for any that is free."""
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not between 0 and 65535")
    return port


def parse_arguments() -> argparse.Namespace:
    """Read the command line; the environment gives the defaults of some."""
    parser = argparse.ArgumentParser(
        prog="python -m example_app",
        description="A team's task board, live in every browser.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    # Not localhost: some machines give it an IPv6 address that they lack.
    parser.add_argument(
        "--host",
        default=os.environ.get("BOARD_HOST", "127.0.0.1"),
        help="address to listen on (BOARD_HOST)",
    )
    parser.add_argument(
        "--port",
        type=port_number,
        default=os.environ.get("BOARD_PORT", "8080"),
        help="port to listen on (BOARD_PORT)",
    )
    parser.add_argument(
        "--database", type=Path, default=DATABASE, help="the SQLite file"
    )
    parser.add_argument(
        "--secret-file",
        type=Path,
        default=SECRET_FILE,
        help="the file with the key that encrypts the cookies",
    )
    parser.add_argument(
        "--https",
        action="store_true",
        default=os.environ.get("BOARD_HTTPS") == "1",
        help="a proxy on this machine serves the site by HTTPS (BOARD_HTTPS=1)",
    )
    parser.add_argument(
        "--empty", action="store_true", help="start a new board without demo tasks"
    )
    parser.add_argument(
        "--metrics",
        action="store_true",
        default=os.environ.get("BOARD_METRICS") == "1",
        help="serve /metrics, needs aiohttp-serverwamp[prometheus] (BOARD_METRICS=1)",
    )
    parser.add_argument(
        "--drain-timeout",
        type=float,
        default=os.environ.get("BOARD_DRAIN_TIMEOUT", "0"),
        help="seconds in which the pages leave when it stops (BOARD_DRAIN_TIMEOUT)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
