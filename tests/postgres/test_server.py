from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from proof.servers import PostgresServer

ROOT = Path(__file__).parents[2]

FORGETFUL = """
import os, signal
from proof.servers import PostgresServer
server = PostgresServer()
print(server.url(), server.socket, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_database_of_its_own(postgres: PostgresServer) -> None:
    """Each test has a database of its own, over the socket or over TCP, and it is gone afterwards."""
    with postgres.database() as name:
        for tcp in (False, True):
            with psycopg.connect(postgres.url(name, tcp=tcp)) as connection:
                assert connection.execute("SELECT current_database()").fetchone() == (name,)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(postgres.url(name))


def test_crash_and_start() -> None:
    """A server that waits for the disk has what was committed after it was killed and started again."""
    with PostgresServer(durable=True) as server:
        with server.connect() as connection:
            connection.execute("CREATE TABLE kept (k int)")
        server.crash()
        server.start()
        with server.connect() as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        folder = server.socket

    assert not folder.exists()


def test_server_ends_with_its_program() -> None:
    """A server ends, and its folder goes, when the program that started it is killed."""
    ran = subprocess.run([sys.executable, "-c", FORGETFUL], cwd=ROOT, capture_output=True, text=True, check=False)
    url, folder = ran.stdout.split()
    deadline = time.monotonic() + 120
    while Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert ran.returncode == -signal.SIGKILL
    assert not Path(folder).exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
