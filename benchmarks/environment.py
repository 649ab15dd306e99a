"""The virtual environment of the contestants that are not of this project.

``make bench`` makes and fills it; here it is only looked into. Their servers run on its
interpreter, so that what they need never meets what this library needs.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Environment", "look_into"]

#: Prints the versions of the distributions that are its arguments, as far as installed.
SCRIPT = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder with an interpreter, and the versions of what is installed there."""

    folder: Path
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """The interpreter, by the path that tells it which environment it is in."""
        return self.folder.absolute() / "bin" / "python"


def look_into(folder: Path, distributions: Collection[str]) -> Environment:
    """Return which of the distributions are in the environment, if there is one."""
    environment = Environment(folder)
    try:
        run = subprocess.run(
            [environment.python, "-c", SCRIPT, *distributions],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return environment
    return Environment(folder, json.loads(run.stdout))
