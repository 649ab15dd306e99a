"""What can go wrong on the board, as callers are told over WAMP and HTTP alike."""

from __future__ import annotations

from aiohttp_serverwamp import ApplicationError

__all__ = ["ChangedMeanwhile", "NoSuchMember", "NoSuchTask"]


class NoSuchTask(ApplicationError):
    """The task is not on the board, or no longer; the argument is its id."""

    URI = "board.error.no_such_task"


class NoSuchMember(ApplicationError):
    """Nobody of the team has that name; the argument is the name."""

    URI = "board.error.no_such_member"


class ChangedMeanwhile(ApplicationError):
    """Somebody else was faster; the argument is the task as it is now."""

    URI = "board.error.changed_meanwhile"
