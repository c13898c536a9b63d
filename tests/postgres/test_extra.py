from __future__ import annotations

import subprocess
import sys

WITHOUT = """
import sys
sys.modules["psycopg"] = None
from stagegate import Engine, PluginError
try:
    Engine.open("postgresql://me:hunter2@127.0.0.1/db")
except PluginError as error:
    print(error)
"""


def test_without_the_extra() -> None:
    """Where the driver is not installed, it is said what brings it."""
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)

    assert "plugin 'postgres': it cannot be imported from stagegate.contrib.postgres" in ran.stdout
    assert ran.stdout.endswith("what it needs comes with stagegate[postgres]\n")
    assert "hunter2" not in ran.stdout + ran.stderr
