"""What holds for all tests: no leaks, no unexpected errors, no silent gaps."""

from __future__ import annotations

import gc
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Literal

import pytest

HERE = Path(__file__).parent
#: Where tests run a server in their own process, which has to end with them.
LEAK_CHECKED = ("integration", "interop", "docs", "transports", "async_support")

PHASES: tuple[Literal["setup", "call"], ...] = ("setup", "call")

failed_key = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[failed_key] = item.stash.get(failed_key, False) or report.failed
    return report


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the leak check thousands of collected tests to look through each time."""
    # Its entry points ask for referrers, which are not found among frozen objects; its
    # pytest plugin imports it at the end of every run.
    import_module("hypothesis")
    gc.collect()
    gc.freeze()


@pytest.fixture
def allow_logged_errors() -> None:
    """Expect errors in the log; a test that asks for caplog expects them too."""


@pytest.fixture
def lasting() -> None:
    """Start what outlasts the test that is the first to need it; for overriding."""


@pytest.fixture(autouse=True)
def nothing_is_left_behind(
    request: pytest.FixtureRequest, lasting: None
) -> Iterator[None]:
    """Check what is left, and the log, after each test with a server."""
    if request.path.relative_to(HERE).parts[0] not in LEAK_CHECKED:
        yield
        return
    # Imported here, for the other tests need no library that is complete.
    from tests.leaks import LoggedErrors

    errors = LoggedErrors()
    expected = {"allow_logged_errors", "caplog"} & set(request.fixturenames)
    request.getfixturevalue("_nothing_is_left_running")
    logging.getLogger().addHandler(errors)
    yield
    logging.getLogger().removeHandler(errors)
    if not expected and not request.node.stash.get(failed_key, False):
        assert errors.lines == [], "errors were logged"


@pytest.fixture
async def _nothing_is_left_running(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[None]:
    from tests.leaks import Leaks

    leaks = Leaks()
    yield
    if request.node.stash.get(failed_key, False):
        # A traceback keeps the frames of the test, and those keep everything.
        return
    for phase in PHASES:
        for record in caplog.get_records(phase):
            # So do the tracebacks of captured log records.
            record.exc_info = None
    assert await leaks.found() == [], "left behind"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was not checked, and quietly what is growing."""
    sizes = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for key, value in report.user_properties
        if key == "warning_light"
    ]
    if sizes:
        terminalreporter.section("growing large", sep="-")
        for line in sizes:
            terminalreporter.line(line)
    missing = _not_checked(terminalreporter)
    if missing:
        terminalreporter.section("NOT CHECKED", sep="!", red=True, bold=True)
        for line in missing:
            terminalreporter.line(line, red=True)


def _not_checked(terminalreporter: pytest.TerminalReporter) -> list[str]:
    """Return what make could not install, and the reasons for skipping."""
    lines = []
    note = os.environ.get("NOT_INSTALLED")
    if note and Path(note).is_file():
        lines = Path(note).read_text(encoding="utf-8").splitlines()
    reasons = Counter(
        f"{Path(report.longrepr[0]).name}: {report.longrepr[2]}"
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    )
    return lines + [f"{number} x {reason}" for reason, number in reasons.items()]
