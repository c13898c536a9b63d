"""Lines that are measured in cells: wide letters take two, and a line may end between any two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    for number, line in enumerate(wrap(said.strip(), room) if said.strip() else [""]):
        yield (indent + (" " * hanging if number else "") + line).rstrip()


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


def longest(said: str) -> int:
    """Return how many cells the longest part of *said* takes that no line may break."""
    return max((cell_len(word.rstrip()) for word in _words(said)), default=0)


def shared_out(wanted: Sequence[int], needed: Sequence[int], room: int) -> list[int] | None:
    """
    Return how many cells each of several columns gets; None where there are fewer than needed.

    Args:
        wanted: How many each would like to have.

        needed: How many each has to have.

        room: How many there are. What is left over is shared alike, until a column has all it wants.
    """
    spare = room - sum(needed)
    if spare < 0:
        return None
    widths = list(needed)
    missing = sorted(
        (max(0, want - need), place) for place, (want, need) in enumerate(zip(wanted, needed, strict=True))
    )
    for number, (more, place) in enumerate(missing):
        given = min(more, spare // (len(missing) - number))
        widths[place] += given
        spare -= given
    return widths
