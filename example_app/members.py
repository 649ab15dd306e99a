"""The realm of everybody who is signed in, put together."""

from __future__ import annotations

from aiohttp_serverwamp import Realm
from example_app.admin import admin_api, admin_topics, tell_administrators
from example_app.board import Board, board_topics
from example_app.board_api import board_api
from example_app.export import Sleep, export_api
from example_app.identity import MEMBERS
from example_app.presence import presence_api
from example_app.store import Store

__all__ = ["members_realm"]


def members_realm(store: Store, *, sleep: Sleep) -> tuple[Realm, Board]:
    """Make the realm, and the board whose changes are announced in it.

    Who may join is left to say; `sleep` is that of the async library.
    """
    realm = Realm(MEMBERS)
    board = Board(store, realm)
    realm.add_session_lifespan_handler(tell_administrators)
    realm.set_default_arg("store", store)
    realm.set_default_arg("board", board)
    realm.set_default_arg("sleep", sleep)
    for routes in (board_api, board_topics, presence_api, export_api):
        realm.add_routes(routes)
    for routes in (admin_api, admin_topics):
        realm.add_routes(routes)
    return realm, board
