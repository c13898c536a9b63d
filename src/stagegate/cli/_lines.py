"""Lines that are measured in cells: wide letters take two, and a line may end between any two of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rich.cells import cell_len

# A line this long can be read, however narrow the terminal is.
ROOM = 20
# What no line may end with, and what none may begin with.
_OPENING, _CLOSING = "「（", "」）。、・ー：々っゃゅょッャュョァィゥェォ"


def wrap(said: str, width: int, indent: str = "") -> Iterator[str]:
    """Yield *said* in lines of at most *width* cells; where words are wide, a line may end between any two letters."""
    line = ""
    for word in _words(said):
        if line and cell_len(line + word.rstrip()) > width - cell_len(indent):
            yield indent + line.rstrip()
            line = ""
        line += word if line else word.lstrip()
    if line:
        yield indent + line.rstrip()


def hang(said: str, width: int, hanging: int = 3) -> Iterator[str]:
    """Yield *said* in lines of at most *width* cells, those that follow hanging under the first one."""
    indent = said[: len(said) - len(said.lstrip())]
    room = max(width - cell_len(indent) - hanging, ROOM)
    for number, line in enumerate(wrap(said.strip(), room)):
        yield indent + (" " * hanging if number else "") + line


def _words(said: str) -> Iterator[str]:
    word = ""
    for c, following in pairwise(said + " "):
        word += c
        if c == " " or (cell_len(c) > 1 and c not in _OPENING and following not in _CLOSING):
            yield word
            word = ""
    yield word


def pad(said: str, cells: int) -> str:
    """Return *said*, filled with spaces up to *cells*."""
    return said + " " * max(0, cells - cell_len(said))


def cut(said: str, cells: int) -> str:
    """Return *said*, cut off where it is wider than *cells*."""
    if cell_len(said) <= cells:
        return said
    while cell_len(said) > cells - 1:
        said = said[:-1]
    return said + "…"
