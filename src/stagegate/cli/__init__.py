"""The command line: `stagegate`. A leaf: it knows what any other program that imports stagegate may know."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        import rich  # noqa: F401  used where there is something to lay out; missed here, before anything is done

        from ._commands import stagegate
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"click", "rich"}:
            raise
        sys.stderr.write(f"stagegate: the command line needs {error.name}; install stagegate with its extra [cli]\n")
        sys.exit(2)
    stagegate.main(prog_name="stagegate")


__all__ = ["main"]
