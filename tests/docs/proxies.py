"""The tutorial's application as deployed: gunicorn, and a real proxy in front.

The files of docs/tutorial/mill are used as they are, but for what is of one machine:
ports, certificates and, so that a test need not wait for minutes, the timeouts.
"""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aiohttp_serverwamp.testing import PATIENCE
from growing_program import FINISHED, TUTORIAL, files_after

ROOT = Path(__file__).parents[2]
HOST = "mill.example.com"
#: Where the test's client calls from, so that it is not taken for the proxy.
CLIENT = "127.0.0.2"

SERVED = """
import os
from aiohttp_serverwamp import Limits, RPCRouteSet, Session
from app import make_app as make_tutorial

api = RPCRouteSet()

@api.route("probe.address")
async def address(session: Session) -> object:
    return session.connection.transport_info["peer_address"]

def make_app():
    app = make_tutorial()
    wamp = app["wamp"]
    wamp.limits = Limits(heartbeat=float(os.environ["HEARTBEAT"]))
    wamp.realm("mill").add_routes(api)
    return app
"""


def program(name: str) -> str:
    """Find nginx or Caddy. Without it the tests fail, or skip loudly where they may."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=path)
    if found is None and os.environ.get("ALLOW_MISSING_PROXY") == "1":
        pytest.skip(
            f"NOT CHECKED: the deployed tutorial behind {name} (it is not installed)"
        )
    if found is None:
        pytest.fail(
            f"{name} is missing; install it, or set ALLOW_MISSING_PROXY=1 to go without"
        )
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def replaced(text: str, substitutions: Mapping[str, str]) -> str:
    """Replace what is there exactly once, or fail."""
    for old, new in substitutions.items():
        assert text.count(old) == 1, f"{old!r} is not there once"
        text = text.replace(old, new)
    return text


class Process:
    """A program that is running, and ends with the test."""

    def __init__(
        self, command: list[str], folder: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.log = folder / f"{Path(command[0]).name}.log"
        with self.log.open("ab") as output:
            self.running = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **(env or {})},
                stdout=output,
                stderr=output,
            )

    def wait_for(self, there: Callable[[], object]) -> None:
        """Wait until it is there; fail if the program has ended."""
        deadline = time.monotonic() + 3 * PATIENCE
        while time.monotonic() < deadline:
            assert self.running.poll() is None, self.log.read_text()
            try:
                there()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"it does not answer: {self.log.read_text()}")

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
        try:
            self.running.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()
            raise AssertionError(f"killed: {self.log.read_text()}") from None


class Mill:
    """The application, started by the command of the systemd unit."""

    def __init__(
        self, folder: Path, *, heartbeat: float = 20.0, trusting: bool = True
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self._environment = {
            "HEARTBEAT": str(heartbeat),
            "MILL_KEY": Fernet.generate_key().decode(),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
        }
        files = files_after(TUTORIAL / "deploying.rst")
        trust = {} if trusting else {', trusted_proxies=["127.0.0.1"]': ""}
        files["app.py"] = replaced(files["app.py"], trust)
        for name, text in {**files, "served.py": SERVED}.items():
            (folder / name).write_text(text, encoding="utf-8")
        self._process: Process | None = None

    @property
    def log(self) -> str:
        """What it has written on its standard output and error."""
        return (self.folder / f"{Path(sys.executable).name}.log").read_text()

    def _command(self) -> list[str]:
        unit = configparser.RawConfigParser()
        unit.optionxform = str  # type: ignore[assignment,method-assign]  # keep the case
        unit.read(FINISHED / "mill.service", encoding="utf-8")
        substitutions = {
            "/srv/mill/venv/bin/python": sys.executable,
            "app:make_app()": "served:make_app()",
            "127.0.0.1:8080": f"127.0.0.1:{self.port}",
        }
        command = unit["Service"]["ExecStart"].replace("\\\n", " ")
        return shlex.split(replaced(command, substitutions))

    def start(self) -> None:
        self._process = Process(self._command(), self.folder, self._environment)
        # gunicorn listens before its worker is there.
        page = f"http://127.0.0.1:{self.port}/"
        self._process.wait_for(lambda: urlopen(page, timeout=PATIENCE).close())

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


@dataclass
class Proxy:
    """nginx or Caddy, with its file of docs/tutorial/mill."""

    name: str
    folder: Path
    backend: int
    #: What stands in nginx.conf, or less for a test that waits for it to pass.
    read_timeout: int = 60
    http: int = field(default_factory=free_port)
    https: int = field(default_factory=free_port)
    _process: Process | None = None

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.https}"

    def start(self) -> None:
        path = program(self.name)
        make_certificate(self.folder)
        command = getattr(self, f"_{self.name}")(path)
        # Caddy keeps what it makes in these.
        homes = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        at_home = dict.fromkeys(homes, str(self.folder))
        self._process = Process(command, self.folder, at_home)
        here = ("127.0.0.1", self.https)
        self._process.wait_for(lambda: socket.create_connection(here, 5).close())

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def _nginx(self, path: str) -> list[str]:
        site = replaced(
            (FINISHED / "nginx.conf").read_text(encoding="utf-8"),
            {
                "listen 80;": f"listen 127.0.0.1:{self.http};",
                "listen 443 ssl;": f"listen 127.0.0.1:{self.https} ssl;",
                f"/etc/letsencrypt/live/{HOST}/fullchain.pem": "certificate.pem",
                f"/etc/letsencrypt/live/{HOST}/privkey.pem": "key.pem",
                "http://127.0.0.1:8080": f"http://127.0.0.1:{self.backend}",
                "read_timeout 60s;": f"read_timeout {self.read_timeout}s;",
            },
        )
        (self.folder / "site.conf").write_text(site, encoding="utf-8")
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {kind};" for kind in kinds)
        (self.folder / "nginx.conf").write_text(
            "daemon off; worker_processes 1; pid nginx.pid; events {}"
            f" http {{ access_log off; {temporary} include site.conf; }}",
            encoding="utf-8",
        )
        prefix = str(self.folder)
        return [path, "-p", prefix, "-c", "nginx.conf", "-e", "stderr"]

    def _caddy(self, path: str) -> list[str]:
        site = replaced(
            (FINISHED / "Caddyfile").read_text(encoding="utf-8"),
            {
                f"{HOST} {{": f"{HOST} {{\n\ttls certificate.pem key.pem",
                "127.0.0.1:8080": f"127.0.0.1:{self.backend}",
            },
        )
        here = (
            "{\n\tadmin off\n\tdefault_bind 127.0.0.1\n"
            f"\thttp_port {self.http}\n\thttps_port {self.https}\n}}\n\n"
        )
        file = self.folder / "Caddyfile"
        file.write_text(here + site, encoding="utf-8")
        return [path, "run", "--config", str(file), "--adapter", "caddyfile"]

    def browser(self) -> aiohttp.ClientSession:
        """Return an HTTP client elsewhere that finds the host here."""
        trust = ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))
        connector = aiohttp.TCPConnector(
            resolver=_Here(), ssl=trust, local_addr=(CLIENT, 0)
        )
        return aiohttp.ClientSession(self.url, connector=connector)


class _Here(AbstractResolver):
    """Finds every host on this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


def make_certificate(folder: Path) -> None:
    """Write a certificate for the host that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
