"""Who may import whom: the layers of docs/architecture.rst, read and not imported."""

from __future__ import annotations

import configparser
import re
import sys
from pathlib import Path

import pytest

from tests.architecture.imports import (
    COMPUTED,
    LAYERS,
    PACKAGE,
    circles,
    imports_of,
    modules,
    violations,
)

ROOT = Path(__file__).parents[2]
MODULES = modules(ROOT / PACKAGE)


def imported_names(module: str) -> set[str]:
    path = MODULES[module]
    source = path.read_text(encoding="utf-8")
    found = imports_of(source, module, is_package=path.stem == "__init__")
    return {each.target for each in found}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_lower_layers_only(module: str) -> None:
    path = MODULES[module]
    source = path.read_text(encoding="utf-8")

    found = imports_of(source, module, is_package=path.stem == "__init__")

    assert list(violations(module, found)) == []


def test_the_foundation_has_no_circle_of_imports() -> None:
    foundation = {f"{PACKAGE}.{name}" for name in LAYERS[0]}
    graph = {
        module: {
            other
            for other in foundation - {module}
            for name in imported_names(module)
            if f"{name}.".startswith(f"{other}.")
        }
        for module in foundation
    }

    assert circles(graph) == []


def test_third_party_packages_are_declared_in_setup_cfg() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"].splitlines()
    for name, extra in config["options.extras_require"].items():
        if name not in ("dev", "docs"):
            lines += extra.splitlines()
    declared = {
        re.split(r"[ <>=!~\[]", line)[0].replace("-", "_") for line in lines if line
    }

    imported = {
        name.split(".")[0] for module in MODULES for name in imported_names(module)
    }

    known = declared | sys.stdlib_module_names | {PACKAGE, COMPUTED}
    # PyJWT and opentelemetry-api by the names they are imported by, parts of aiohttp,
    # and a module that Python has from 3.14 on.
    known |= {"jwt", "opentelemetry", "multidict", "yarl", "annotationlib"}
    assert imported - known == set()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("errors", "import aiohttp_serverwamp.messages"),
        ("messages", "from aiohttp_serverwamp.serializers.json import JSONSerializer"),
        ("router.broker", "from aiohttp_serverwamp import realm"),
        ("router.broker", "from aiohttp_serverwamp import Realm"),
        ("router.broker", "from ..hosting import routes"),
        ("router.broker", "from .. import application"),
        ("hosting.routes", "def late():\n    import aiohttp_serverwamp.realm"),
        (
            "auth.ticket",
            "if TYPE_CHECKING:\n    from aiohttp_serverwamp.router import session",
        ),
        ("adapters.asgi", "from aiohttp_serverwamp.plugin import setup_wamp"),
        ("adapters.asgi", "import aiohttp.web"),
        ("application", "from aiohttp import web"),
        ("realm", "import asyncio"),
        ("hosting.invocation", "import trio.lowlevel"),
        ("application", "import importlib\nimportlib.import_module('anyio')"),
        ("application", "__import__('any' + 'io')"),
        ("router.dealer", "import time"),
        ("router.dealer", "from random import choice"),
        ("router.dealer", "from aiohttp_serverwamp.ids import random_id"),
        ("router.dealer", "import prometheus_client"),
        ("adapters.aiohttp_metrics", "from opentelemetry import trace"),
        ("observability.prometheus", "import aiohttp_serverwamp.router.tally"),
        ("newcomer", ""),
    ],
)
def test_the_check_finds(module: str, source: str) -> None:
    module = f"{PACKAGE}.{module}"

    assert len(list(violations(module, imports_of(source, module)))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("plugin", "from aiohttp import web\nfrom aiohttp_session import get_session"),
        ("adapters.trio", "import trio"),
        ("adapters.serve", "from ..router.session import RouterSession"),
        ("router.broker", "from . import uri_index"),
        ("router.dealer", "from aiohttp_serverwamp.ids import Counter"),
        ("limits", "from aiohttp_serverwamp.errors import ConfigurationError"),
    ],
)
def test_the_check_allows(module: str, source: str) -> None:
    module = f"{PACKAGE}.{module}"

    assert list(violations(module, imports_of(source, module))) == []


def test_a_package_finds_its_own_modules_by_relative_import() -> None:
    found = imports_of("from . import a\nfrom .b import c", "p.q", is_package=True)

    assert [each.target for each in found] == ["p.q.a", "p.q.b.c"]


def test_a_circle_is_found_once() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}

    assert circles(graph) == [["a", "b", "c"]]
