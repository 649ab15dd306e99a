"""Put the task board together: cookie session, pages, WebSocket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from aiohttp_session import setup as setup_session
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from cryptography.fernet import Fernet

from aiohttp_serverwamp import Application, setup_wamp
from example_app import pages
from example_app.board import members_realm
from example_app.demo import add_demo_users
from example_app.security import add_security_headers, refuse_foreign_posts
from example_app.store import Store

__all__ = ["DATABASE", "SECRET_FILE", "make_app"]

HERE = Path(__file__).parent
DATABASE = HERE / "board.sqlite3"
SECRET_FILE = HERE / "secret.key"

# A working day: after it everybody signs in again.
SIGNED_IN_SECONDS = 12 * 60 * 60


def make_app(
    *, database: Path = DATABASE, secret_file: Path = SECRET_FILE
) -> web.Application:
    """Make the application; the files are created where they are missing."""
    app = web.Application(middlewares=[refuse_foreign_posts])
    app.on_response_prepare.append(add_security_headers)
    setup_session(
        app,
        EncryptedCookieStorage(
            Fernet(load_or_create_key(secret_file)),
            cookie_name="task_board",
            max_age=SIGNED_IN_SECONDS,
            samesite="Lax",
        ),
    )

    store = Store(database)
    app[pages.STORE] = store
    app.cleanup_ctx.append(open_store)
    app.add_routes(pages.routes)
    app.router.add_static("/static/", HERE / "static")

    wamp = setup_wamp(app, Application(allow_default_realm=False))
    wamp.add_realm(members_realm(store))
    return app


async def open_store(app: web.Application) -> AsyncIterator[None]:
    """Keep the database open while the application runs."""
    store = app[pages.STORE]
    await asyncio.to_thread(store.open)
    await asyncio.to_thread(add_demo_users, store)
    yield
    await asyncio.to_thread(store.close)


def load_or_create_key(path: Path) -> bytes:
    """Read the key that encrypts the cookies; make one, for its owner only, if none."""
    try:
        # Private from the first moment, and never over a key that exists.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes().strip()
    key = Fernet.generate_key()
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + b"\n")
    return key
