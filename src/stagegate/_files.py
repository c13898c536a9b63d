"""What stands in a TOML or JSON file, as a table; or why it cannot be read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from .exceptions import DefinitionError, quote

MAX_SIZE = 4 * 1024 * 1024
TOO_DEEP = "it is nested too deep"


def read_table(source: str | Path | Mapping[str, Any]) -> tuple[str | None, Any]:
    """
    Return the name of a file, where it is one, and what stands in it.

    Args:
        source: The path of a `.toml` or `.json` file, the text of one, or the table itself.

    Raises:
        DefinitionError: If it cannot be read.
    """
    if isinstance(source, Mapping):
        return None, source
    if isinstance(source, str) and ("\n" in source or "=" in source or source.lstrip().startswith("{")):
        return None, _parse(source, is_json=source.lstrip().startswith("{"), named=None)
    if not isinstance(source, (str, Path)):
        message = f"a path, a text or a table is needed, not {quote(source)}"
        raise DefinitionError(message)
    path = Path(source)
    named = quote(str(source))[1:-1]
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise DefinitionError([("", f"it cannot be read: {said}")], source=named) from None
    if len(raw) > MAX_SIZE:
        message = f"{len(raw):,} bytes are too many for a definition; {MAX_SIZE:,} are the most"
        raise DefinitionError([("", message)], source=named)
    try:
        # Some editors begin a file with a mark that says UTF-8.
        written = raw.decode("utf-8-sig")
    except ValueError as error:
        raise DefinitionError([("", f"it is not UTF-8 text: {error}")], source=named) from None
    return named, _parse(written, is_json=path.suffix.lower() == ".json", named=named)


def _parse(written: str, *, is_json: bool, named: str | None) -> Any:
    import tomllib

    try:
        if not is_json and _CHAIN.search(written):
            raise RecursionError
        if is_json:
            return json.loads(written, parse_float=Decimal, object_pairs_hook=_once)
        return tomllib.loads(written, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        said = TOO_DEEP if isinstance(error, RecursionError) else str(error)
        raise DefinitionError([("", f"it is not {'JSON' if is_json else 'TOML'}: {said}")], source=named) from None


_CHAIN = re.compile(r"(?:(?<![^\s.=\[\]{},])[^\s.=\[\]{},]++\s*+\.\s*+){1000}")
"""Keys of very many dots, which take the parser of TOML very long: no definition has them."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = next(k for k, times in Counter(k for k, _ in pairs).items() if times > 1)
        message = f"the key {quote(twice)} stands twice in one table"
        raise ValueError(message)
    return table
