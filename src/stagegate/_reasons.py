"""Why something is refused: one reason, with who can mend it and the rule it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs

from ._plain import MAX_ITEMS, as_table
from ._records import lean
from ._sentences import SENTENCES
from ._text import FALLBACK, Label, frozendict, punctuation, translate
from .exceptions import InvalidValue, quote

Provenance = Literal["law", "law-secondary", "practice", "interpretation"]
MAX_TEXT_OF_ERROR = 500
PROVENANCES = ("law", "law-secondary", "practice", "interpretation")
"""Whether a rule is read in the law, in the law as restated elsewhere, seen in practice, or an interpretation."""

ERRORS = frozenset({"guard.error", "plugin.error", "kin.process", "kin.stage"})
"""The codes of a rule that could not answer: they refuse wherever they stand, also under `~` and `|`."""


def _params(value: Mapping[str, Any]) -> frozendict:
    return value if type(value) is frozendict else as_table(value, "params")


@attrs.define(kw_only=True, frozen=True)
class Unmet:
    """
    One reason why a move is refused.

    Attributes:
        code: What is wrong, for programs: `document.missing`, `approval.missing`, …

        params: The particulars, for programs and for the sentence.

        requirement: The name of the requirement that is not met.

        label: What the process calls that requirement.

        fix_by: The roles that can mend it.

        basis: The rule it comes from.

        provenance: Whether that rule is law, practice or an interpretation.

        alternatives: Where any one of several would do: the reasons of each.
    """

    code: str
    params: frozendict = attrs.field(factory=frozendict, converter=_params)
    requirement: str = ""
    label: Label = attrs.field(factory=Label)
    fix_by: tuple[str, ...] = ()
    basis: str = ""
    provenance: str = ""
    alternatives: tuple[tuple[Unmet, ...], ...] = ()

    def text(self, lang: str = FALLBACK) -> str:
        """
        Return the reason as a sentence.

        Args:
            lang: `en`, `id` or `ja`; any other falls back to English.
        """
        template = translate(SENTENCES.get(self.code) or SENTENCES[self._fallback], lang)
        words = _Spoken({"requirement": self.requirement, **self.params})
        words.lang = lang
        said = template.format_map(words)
        _, colon = punctuation(lang)
        if self.alternatives:
            several = (" + ".join(reason.text(lang) for reason in part) for part in self.alternatives)
            said = f"{said}{colon}" + " / ".join(f"({number}) {part}" for number, part in enumerate(several, 1))
        return f"{self.label.text(lang)}{colon}{said}" if self.label else str(said)

    @property
    def _fallback(self) -> str:
        return "predicate" if "reason" in self.params else "predicate.false"

    def to_data(self) -> dict[str, Any]:
        """Return the reason as plain data, as it stands in a `refused` event and in an answer to a program."""
        return lean(
            {
                "code": self.code,
                "params": self.params,
                "requirement": self.requirement,
                "label": self.label,
                "fix_by": self.fix_by,
                "basis": self.basis,
                "provenance": self.provenance,
                "alternatives": [[reason.to_data() for reason in part] for part in self.alternatives] or None,
            }
        )

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Unmet:
        """Return the reason that `to_data` wrote."""
        return cls(
            code=data["code"],
            params=as_table(data.get("params", {}), "params"),
            requirement=data.get("requirement", ""),
            label=Label(data.get("label", {})),
            fix_by=tuple(data.get("fix_by", ())),
            basis=data.get("basis", ""),
            provenance=data.get("provenance", ""),
            alternatives=tuple(tuple(map(cls.from_data, part)) for part in data.get("alternatives", ())),
        )


class _Spoken(dict[str, Any]):
    """Params as words in a language: lists joined, true and false said, what is missing named."""

    lang = FALLBACK

    def __getitem__(self, place: str) -> Any:
        return self._said(super().__getitem__(place))

    def __missing__(self, place: str) -> str:
        return f"{{{place}}}"

    def _said(self, value: Any) -> Any:
        if isinstance(value, tuple):
            if len(value) > MAX_ITEMS + 1:
                value = (*value[:MAX_ITEMS], "…")
            comma, _ = punctuation(self.lang)
            return comma.join(str(self._said(item)) for item in value)
        if isinstance(value, Mapping):
            return Label(value).text(self.lang)
        if isinstance(value, bool):
            return translate(SENTENCES["true" if value else "false"], self.lang)
        return "—" if value is None else value


def failure(error: Exception) -> str:
    """Return what *error* says as a text that can be recorded."""
    said = f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return said[:MAX_TEXT_OF_ERROR]


def provenance_of(value: Any, where: str) -> str:
    if value not in ("", *PROVENANCES):
        message = f"{where}: {quote(value)} is none of {', '.join(PROVENANCES)}"
        raise InvalidValue(message)
    return str(value)


def errors(answers: Iterable[tuple[Unmet, ...]]) -> tuple[Unmet, ...]:
    """Return what could not be checked, wherever it hides in *answers*."""
    found: list[Unmet] = []
    for answer in answers:
        for reason in answer:
            if reason.code in ERRORS:
                found.append(reason)
            else:
                found.extend(errors(reason.alternatives))
    return tuple(found)
