"""How answers are printed: tables on a terminal, plain lines in a pipe, JSON where it was asked for."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import click

from ._settings import Settings
from ._words import word

if TYPE_CHECKING:
    from rich.console import Console

# Bidirectional controls can make a line read as something else than it says.
_TURNING = frozenset(map(chr, (0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_SHOWN = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


@attrs.frozen
class Cell:
    """
    A value, as a script reads it and as a person does.

    Attributes:
        plain: In a pipe: ids, instants in UTC.

        shown: On a terminal: labels, local time.
    """

    plain: str
    shown: str


Value: TypeAlias = "Cell | str | int | None"


def clean(said: str) -> str:
    """Return *said* as one line that draws what it says: what would move the cursor or turn the line is written out."""
    if said.isprintable():
        return said
    return "".join(
        _written(c) if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or c in _TURNING else c for c in said
    )


def _written(c: str) -> str:
    return _SHOWN.get(c) or (f"\\x{ord(c):02x}" if ord(c) <= 0xFF else f"\\u{ord(c):04x}")  # noqa: PLR2004  a byte


def _plain(value: Value) -> str:
    return clean(value.plain if isinstance(value, Cell) else "" if value is None else str(value))


def _shown(value: Value) -> str:
    if isinstance(value, Cell):
        return "\n".join(map(clean, value.shown.split("\n")))
    return clean("" if value is None else str(value))


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Return how wide each column of a table is, so that no word is broken; None where there is no room for that."""
    from rich.cells import cell_len

    from ._lines import longest, shared_out

    columns = [[line for said in column for line in said.split("\n")] for column in zip(headings, *rows, strict=True)]
    wanted = [max(map(cell_len, column)) for column in columns]
    needed = [min(max(map(longest, column)), LONG) for column in columns]
    return shared_out(wanted, needed, width - BORDER * len(columns) - 1)


BORDER = 3
"""How many cells a column takes beside what it says."""

LONG = 30
"""A word of more cells than these may be broken, as if it were several."""


def echo(said: str, *, err: bool = False) -> None:
    """
    Print a line. Where nobody reads any more, nothing more is written, and that is no error.

    Raises:
        OSError: If it cannot be written for another reason, such as a full disk.
    """
    try:
        click.echo(said, err=err)
    except OSError as error:
        # What is still buffered must not complain when Python ends.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), (sys.stderr if err else sys.stdout).fileno())
        if not isinstance(error, BrokenPipeError):
            raise


class Out:
    """Prints what a command answers, in the way that was asked for."""

    def __init__(self, settings: Settings) -> None:
        """Look at where it is to print."""
        self.json = settings.json
        self.lang = settings.lang
        self.terminal = not settings.json and sys.stdout.isatty()

    def word(self, english: str, **params: object) -> str:
        """Return one of the command line's own words in the reader's language."""
        return word(english, self.lang, **params)

    def data(self, value: Any) -> None:
        """Print *value* as JSON, readable whatever the encoding of the terminal."""
        ascii_only = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "") != "utf8"
        echo(json.dumps(value, ensure_ascii=ascii_only, indent=2))

    def text(self, said: str) -> None:
        """Print a text as it is; it is made by this program, line by line."""
        echo(said.removesuffix("\n"))

    def line(self, said: str) -> None:
        """Print one line."""
        echo(clean(said))

    def warn(self, said: str) -> None:
        """Print a line beside the answer, where it disturbs no script."""
        echo(clean(said), err=True)

    def table(self, title: str, headings: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """
        Print rows: as a table, or a line each with tabs between the columns and no headings.

        Args:
            title: What stands above the table on a terminal.

            headings: Words for the columns on a terminal.

            rows: The values.
        """
        if not self.terminal:
            for row in rows:
                echo("\t".join(map(_plain, row)))
            return
        shown = [[_shown(value) for value in row] for row in rows]
        # A column that says nothing takes room from the others.
        kept = [place for place in range(len(headings)) if not shown or any(row[place] for row in shown)]
        named = [self.word(headings[place]) for place in kept]
        told = [[row[place] for place in kept] for row in shown]
        widths = _widths(named, told, self.width)
        if widths is None:
            self._stacked(title, named, told)
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(title, "bold") if title else None, title_justify="left", header_style="bold")
        for heading, width in zip(named, widths, strict=True):
            table.add_column(Text(heading), overflow="fold", width=width)
        for row in told:
            table.add_row(*map(Text, row))
        self._console().print(table)

    def _stacked(self, title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print rows one below the other, where the terminal is too narrow for columns."""
        if title:
            self.lines([title])
        for first, *rest in rows:
            self.lines(first.split("\n"))
            for heading, value in zip(headings[1:], rest, strict=True):
                if value:
                    self.lines([f"  {heading}: {'; '.join(filter(None, value.splitlines()))}"])

    def pairs(self, pairs: Iterable[tuple[str, Value]]) -> None:
        """Print what is known of one thing: a key and a value a line; on a terminal the words for the keys."""
        known = [(key, value) for key, value in pairs if value is not None]
        if not self.terminal:
            for key, value in known:
                echo(f"{key.replace(' ', '_')}\t{_plain(value)}")
            return
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for key, value in known:
            grid.add_row(Text(self.word(key), "bold"), Text(_shown(value)))
        self._console().print(grid)

    @property
    def width(self) -> int:
        """How many cells a line of the terminal has."""
        return self._console().width

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines on a terminal; what does not fit goes on under its line."""
        from ._lines import hang

        width = self.width
        for line in lines:
            for part in hang(clean(line), width):
                echo(part)

    def _console(self) -> Console:
        from rich.console import Console

        return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
