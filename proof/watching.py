"""Waits until whoever started a server has gone, and then stops the server and removes its folder: see `servers.py`."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 60


def main(folder: Path) -> None:
    """Wait for the end of what comes in, which is the end of whoever could have written it."""
    sys.stdin.buffer.read()
    with suppress(OSError, ValueError, IndexError):
        pid = int((folder / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        os.kill(pid, signal.SIGINT)
        for _ in range(PATIENCE * 20):
            os.kill(pid, 0)
            time.sleep(0.05)
        os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
