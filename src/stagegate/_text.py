"""What is said, and in which language: labels of a process, and the library's own sentences."""

from __future__ import annotations

import gettext
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Never

from .exceptions import DefinitionError, InvalidValue, quote

FALLBACK = "en"
"""The language a label or a sentence falls back to."""

MAX_LABEL = 2000
"""How many characters a label may have."""

SPOKEN = ("en", "id", "ja")
"""The languages the library itself speaks."""


class frozendict(dict[str, Any]):  # noqa: N801  named like the built-in kinds it stands beside
    """A dict that cannot be changed: it hashes, pickles, and is written as JSON like any other."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> Never:
        message = "this mapping is frozen; make a new one"
        raise TypeError(message)

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        """Hash by content, whatever the order."""
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[frozendict], tuple[dict[str, Any]]]:
        """Pickle as the dict it is."""
        return frozendict, (dict(self),)


@lru_cache(maxsize=1)
def languages() -> frozenset[str]:
    """Return the primary language codes that the standard library knows."""
    import locale

    codes = {alias.replace(".", "_").split("_")[0].lower() for alias in locale.locale_alias.values()}
    return frozenset(code for code in codes if len(code) in {2, 3})


def language(value: object, where: str) -> str:
    """Return *value* if it is the code of a language, such as `id` or `pt-BR`, or say why not."""
    if not isinstance(value, str) or not _CODE.fullmatch(value) or value.split("-")[0] not in languages():
        message = f"{where}: no known language {quote(value)}; use a code like 'en', 'id', 'ja'"
        raise InvalidValue(message)
    return str.__str__(value)


_CODE = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")


class Label(frozendict):
    """
    A name in several languages, by language code; English is the fallback, then whichever comes first.

    >>> Label({"en": "Council approval", "id": "Persetujuan DPRD"}).text("ja")
    'Council approval'
    """

    __slots__ = ()

    def text(self, lang: str = FALLBACK) -> str:
        """Return the name in *lang*, or the nearest there is; empty if there is none."""
        return str(
            self.get(lang)
            or self.get(lang.split("-", maxsplit=1)[0])
            or self.get(FALLBACK)
            or next(iter(self.values()), "")
        )

    def __reduce__(self) -> tuple[type[Label], tuple[dict[str, Any]]]:
        """Pickle as the label it is."""
        return Label, (dict(self),)


def as_label(value: str | Mapping[str, str] | None, _where: str = "label") -> Label:
    """
    Return *value* as a `Label`; a bare string is English.

    Raises:
        DefinitionError: If it is no text, or in no known language.
    """
    if isinstance(value, Label):
        return value
    if value is None:
        return Label()
    if isinstance(value, str):
        value = {FALLBACK: value} if value else {}
    if not isinstance(value, Mapping):
        message = f"a label is a text or a table of texts by language, not {quote(value)}"
        raise DefinitionError(message)
    faults = []
    for lang, text in value.items():
        if not isinstance(lang, str) or lang.split("-")[0] not in languages():
            faults.append((str(lang), f"no known language {quote(lang)}; use a code like 'en', 'id', 'ja'"))
        elif not isinstance(text, str) or not text.strip():
            faults.append((lang, f"a label is a text, not {quote(text)}"))
        elif len(text) > MAX_LABEL:
            faults.append((lang, f"a label of {len(text):,} characters is too long; {MAX_LABEL:,} are the most"))
        elif "\0" in text or text.encode("utf-8", "replace").decode() != text:
            faults.append((lang, "a label cannot hold NUL or lone surrogates"))
    if faults:
        raise DefinitionError(faults)
    return Label({lang: value[lang] for lang in sorted(value)})


def punctuation(lang: str) -> tuple[str, str]:
    """Return what stands in *lang* between the parts of a list, and behind what is explained."""
    return ("、", "：") if lang.split("-", maxsplit=1)[0] == "ja" else (", ", ": ")


@lru_cache(maxsize=16)
def _catalog(lang: str) -> gettext.NullTranslations:
    return gettext.translation("stagegate", Path(__file__).parent / "locale", [lang], fallback=True)


def translate(sentence: str, lang: str = FALLBACK) -> str:
    """Return the library's own *sentence* in *lang*, or in English where there is no translation."""
    return sentence if lang == FALLBACK else _catalog(lang.split("-", maxsplit=1)[0]).gettext(sentence)
