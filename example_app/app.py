"""Put the task board together: cookie session, pages, WebSocket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from aiohttp import web
from aiohttp_session import setup as setup_session
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from cryptography.fernet import Fernet

from aiohttp_serverwamp import (
    Application,
    PrometheusObserver,
    metrics_handler,
    session_authenticator,
    setup_wamp,
)
from example_app import accounts, http_api, pages
from example_app.demo import open_demo_store
from example_app.failed_sign_ins import FailedSignIns
from example_app.guests import guests_realm
from example_app.hashing import HashingThreads
from example_app.identity import VALIDITY
from example_app.members import members_realm
from example_app.security import (
    PROXIES,
    add_security_headers,
    refuse_foreign_posts,
)
from example_app.store import Store

__all__ = ["DATABASE", "SECRET_FILE", "UnusableKey", "make_app"]

HERE = Path(__file__).parent
DATABASE = HERE / "board.sqlite3"
SECRET_FILE = HERE / "secret.key"

# Bytes: a form or a task is small, and what is larger is answered with 413.
LARGEST_BODY = 16 * 1024


class UnusableKey(Exception):
    """There is no key in the secret file, nor can one be put there; it says why."""


def make_app(
    *,
    database: Path = DATABASE,
    secret_file: Path = SECRET_FILE,
    demo_tasks: bool = True,
    https: bool = False,
    metrics: bool = False,
    drain_timeout: float = 0,
) -> web.Application:
    """Make the application; the files are created where they are missing.

    With `demo_tasks` a new database starts with something to look at. With `https` a
    proxy on this machine serves the site by HTTPS: its word on who asks is taken, and
    browsers send the cookie by HTTPS only. With `metrics` there is a page for
    Prometheus, which a proxy has to keep from strangers. The pages leave one after the
    other in the last `drain_timeout` seconds. Raises `UnusableKey` for the secret file.
    """
    app = web.Application(
        middlewares=[refuse_foreign_posts], client_max_size=LARGEST_BODY
    )
    app.on_response_prepare.append(add_security_headers)
    setup_session(
        app,
        EncryptedCookieStorage(
            load_or_create_key(secret_file),
            cookie_name="task_board",
            max_age=int(VALIDITY.total_seconds()),
            samesite="Lax",
            secure=https,
        ),
    )

    store = Store(database)
    app[accounts.STORE] = store
    app.cleanup_ctx.append(partial(open_store, demo_tasks=demo_tasks))
    app[accounts.FAILED_SIGN_INS] = FailedSignIns()
    app[accounts.HASHING] = HashingThreads()
    app.cleanup_ctx.append(close_hashing)
    app.add_routes([*pages.routes, *accounts.routes, *http_api.routes])
    app.router.add_static("/static/", HERE / "static")

    proxies = ("127.0.0.1", "::1") if https else ()
    app[PROXIES] = frozenset(proxies)
    wamp = setup_wamp(
        app,
        Application(allow_default_realm=False),
        trusted_proxies=proxies,
        health_path="/healthz",
        drain_timeout=drain_timeout,
    )
    if metrics:
        add_metrics(app, wamp)
    members, board = members_realm(store, sleep=asyncio.sleep)
    members.add_transport_authenticator(
        session_authenticator(
            accounts.SIGN_IN, load=partial(accounts.load_member, store)
        )
    )
    wamp.add_realm(members)
    wamp.add_realm(guests_realm(store, members))
    app[http_api.BOARD] = board
    return app


def add_metrics(app: web.Application, wamp: Application) -> None:
    """Serve what Prometheus reads; needs the extra ``prometheus``."""
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    wamp.add_observer(PrometheusObserver(registry))
    app.router.add_get("/metrics", metrics_handler(registry))


async def open_store(app: web.Application, *, demo_tasks: bool) -> AsyncIterator[None]:
    """Keep the database open while the application runs."""
    store = app[accounts.STORE]
    await asyncio.to_thread(open_demo_store, store, demo_tasks=demo_tasks)
    yield
    await asyncio.to_thread(store.close)


async def close_hashing(app: web.Application) -> AsyncIterator[None]:
    """End the threads at the end; before the store is closed, which they use."""
    yield
    await app[accounts.HASHING].close()


def load_or_create_key(path: Path) -> Fernet:
    """Read the key that encrypts the cookies; make one, for its owner only, if none.

    Raises `UnusableKey`.
    """
    try:
        return Fernet(_read_or_write_key(path))
    except OSError as error:
        raise UnusableKey(error.strerror) from error
    except ValueError as error:
        raise UnusableKey("what is in it is no key") from error


def _read_or_write_key(path: Path) -> bytes:
    try:
        # Private from the first moment, and never over a key that exists.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes().strip()
    key = Fernet.generate_key()
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + b"\n")
    return key
