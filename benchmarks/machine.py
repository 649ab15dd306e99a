"""Cores, what other processes use, and what to say of the machine. Linux only."""

from __future__ import annotations

import os
import platform
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "Cores",
    "choose_cores",
    "cpu_seconds",
    "describe",
    "load_average",
    "raise_file_limit",
    "resident_bytes",
]


@dataclass(slots=True)
class Cores:
    """Where the server and the load generator run; None: wherever the system likes."""

    server: int | None = None
    load: int | None = None
    warnings: list[str] = field(default_factory=list)


def choose_cores() -> Cores:
    """Pin this process, the load generator, to one core and keep another for the
    servers.
    """
    try:
        available = sorted(os.sched_getaffinity(0))
        if len(available) < 2:
            reason = "only one core may be used"
        else:
            os.sched_setaffinity(0, {available[-1]})
            return Cores(available[0], available[-1])
    except (AttributeError, OSError) as error:
        reason = str(error)
    return Cores(warnings=[f"cores could not be pinned: {reason}; ratios are noisy"])


def load_average() -> float:
    """Return how many processes ran or wanted to, over the last minute."""
    return os.getloadavg()[0]


def cpu_seconds(pid: int) -> float:
    """Return the user and system time that a process and its threads have used.

    From the process's CPU-time clock, whose id clock_getcpuclockid(3) derives from the
    pid; /proc, where that is not allowed, counts in ticks of 10 ms.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(after_name[11]) + int(after_name[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is not swapped out (RSS)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def describe() -> str:
    """Return one line about the machine and the interpreter."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{_processor()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def raise_file_limit() -> None:
    """Allow as many open sockets as the system does: one a subscriber."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
