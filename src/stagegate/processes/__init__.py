"""The processes that come with the library: TOML files, each with its sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from .._loading import load_process
from .._process import Process
from ..exceptions import NotFound, quote

_HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return the ids of the built-in processes."""
    return tuple(sorted(file.stem for file in _HERE.glob("*.toml")))


@lru_cache(maxsize=16)
def _plain(process: str) -> Process:
    return load_process(_HERE / f"{process}.toml")


def builtin(process: str, *, parameters: Mapping[str, Any] | None = None, without: Iterable[str] = ()) -> Process:
    """
    Return a built-in process.

    Args:
        process: Its id, such as `id-ksdpl`.

        parameters: Other values for what the law leaves open; the process says which there are.

        without: Ids of requirements and duties to leave out; those that are law stay.

    Raises:
        NotFound: If there is no such process.

        DefinitionError: If a parameter or an id is unknown, or what is left out is law.
    """
    if process not in names():
        message = f"there is no built-in process {quote(process)}; there are {', '.join(names())}"
        raise NotFound(message)
    left_out = tuple(without)
    if not parameters and not left_out:
        return _plain(process)
    return load_process(_HERE / f"{process}.toml", parameters=parameters, without=left_out)
