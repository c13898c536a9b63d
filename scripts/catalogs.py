"""
Bring the message catalogs up to date: extract the library's sentences, update the translations, compile them.

    python scripts/catalogs.py            write what is stale
    python scripts/catalogs.py --check    write nothing; fail if anything is stale or without a translation
"""

from __future__ import annotations

import argparse
import importlib
import io
import pkgutil
import string
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

import stagegate
from stagegate._sentences import SENTENCES

LOCALE = Path(stagegate.__file__).parent / "locale"
LANGUAGES = ("id", "ja")
HEADER = "The sentences of stagegate. Updated by scripts/catalogs.py; only the translations are written by hand."


class Steady(Catalog):
    """A catalog whose header names no day and no version of Babel: the same sentences make the same bytes."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """What stands in the header."""
        language = [] if self.locale is None else [("Language", str(self.locale))]
        return [
            ("Project-Id-Version", "stagegate"),
            *language,
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit\n"),
        ]


def sentences() -> dict[str, list[str]]:
    """Return every sentence with the codes that say it; all rooms are imported, for any of them may add some."""
    for room in pkgutil.walk_packages(stagegate.__path__, "stagegate."):
        if not room.name.endswith(".__main__"):
            importlib.import_module(room.name)
    said: dict[str, list[str]] = {}
    for code, sentence in SENTENCES.items():
        said.setdefault(sentence, []).append(code)
    return said


def catalog(language: str | None, translations: Mapping[str, str]) -> Steady:
    """Return the catalog of a language, or the template, with what is translated so far."""
    made = Steady(locale=language, header_comment=f"# {HEADER}", fuzzy=False, project="stagegate", charset="utf-8")
    for sentence, codes in sentences().items():
        made.add(sentence, translations.get(sentence, ""), auto_comments=[", ".join(codes)])
    return made


def translated(language: str) -> dict[str, str]:
    """Return the translations that the file of a language holds."""
    file = folder(language) / "stagegate.po"
    if not file.exists():
        return {}
    with file.open("rb") as opened:
        return {str(m.id): str(m.string) for m in read_po(opened, locale=language) if m.id and m.string and not m.fuzzy}


def folder(language: str) -> Path:
    """Return the folder of a language."""
    return LOCALE / language / "LC_MESSAGES"


def readable(made: Catalog) -> bytes:
    """Return a catalog as a .po or .pot file."""
    out = io.BytesIO()
    write_po(out, made, width=0)
    return out.getvalue()


def compiled(made: Catalog) -> bytes:
    """Return a catalog as a .mo file."""
    out = io.BytesIO()
    write_mo(out, made)
    return out.getvalue()


def files() -> Iterator[tuple[Path, bytes]]:
    """Go through the files, each with what it has to hold."""
    yield LOCALE / "stagegate.pot", readable(catalog(None, {}))
    for language in LANGUAGES:
        made = catalog(language, translated(language))
        yield folder(language) / "stagegate.po", readable(made)
        yield folder(language) / "stagegate.mo", compiled(made)


def places(sentence: str) -> list[str]:
    """Return the {places} of a sentence that are filled in, in alphabetical order."""
    return sorted(place for _, place, _, _ in string.Formatter().parse(sentence) if place is not None)


def faults() -> Iterator[str]:
    """Go through what is wrong with the translations themselves."""
    for language in LANGUAGES:
        known = translated(language)
        for sentence in sentences():
            if sentence not in known:
                yield f"{language}: no translation of {sentence!r}"
            elif places(sentence) != places(known[sentence]):
                yield f"{language}: {known[sentence]!r} has other places than {sentence!r}"


def main(arguments: list[str] | None = None) -> int:
    """Update the files, or check them; return the exit status."""
    about: Any = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("--check", action="store_true", help="write nothing; fail if anything is stale")
    check = about.parse_args(arguments).check
    wrong = list(faults())
    for file, wanted in files():
        if file.exists() and file.read_bytes() == wanted:
            continue
        if check:
            wrong.append(f"{file.relative_to(LOCALE)} is stale; run scripts/catalogs.py")
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wanted)
        sys.stdout.write(f"{file.relative_to(LOCALE)} written\n")
    for fault in wrong:
        sys.stderr.write(f"{fault}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
