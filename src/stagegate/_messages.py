"""What is told, in words: templates with named fields, and values that are put in once and never read again."""

from __future__ import annotations

import html as escaping
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from string import Template as Dollars
from typing import Any, Literal
from urllib.parse import quote as percent

import attrs

from ._fields import collected, listed, place, reads
from ._files import read_table
from ._kinds import DATES, FOOT, WORDED, fields
from ._notices import Message, Notification
from ._plain import canonical, slug, text
from ._text import FALLBACK, SPOKEN, language
from .exceptions import DefinitionError, InvalidValue, join, quote

MOST = 1000
"""How many characters of a value a message shows."""

MOST_OF_SUBJECT = 300
MOST_OF_VALUE = 120
"""The same of a subject, and of one value in it."""

MOST_LISTED = 100
"""How many particulars are listed of what nobody has words for."""

_HERE = Path(__file__).parent / "messages"

_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0001\U000e0020-\U000e007f]"
)
"""Characters that are not seen, but turn round or hide what stands beside them; joiners are not among them."""

_GAP = re.compile("\n{3,}")
"""What lines that are left out leave behind."""

_LINK = re.compile(r"""<a\s[^<>]*href=(["'])https?://[^"'/?#\s$]+[/?#][^"'\s]*\Z""", re.IGNORECASE)
"""What stands before a field in a link: the server at the least is not for a value to say."""

_WHOLE = re.compile(
    r"""<!--.*?-->|</?[a-z][^\s"'<>/=]*(?:\s+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=`]+))?)*\s*/?>""",
    re.IGNORECASE | re.DOTALL,
)
"""A comment, or a tag that every reader takes for one: what stands behind it is text."""

_DOCUMENT = re.compile(r"<\s*/?\s*(script|html|head|body)\b", re.IGNORECASE)

Mode = Literal["text", "link"]


@attrs.define(frozen=True)
class _Field:
    """A place for a value, and where it stands."""

    name: str
    mode: Mode = "text"


_Line = tuple["str | _Field", ...]


def _mode(before: str) -> Mode:
    """Return where in HTML a field stands that follows *before*, if it may stand there."""
    said = before.lower()
    if said.rfind("<!--") > said.rfind("-->") or said.rfind("<style") > said.rfind("</style>"):
        message = "a field stands within a comment or a style; put it in the text"
        raise InvalidValue(message)
    if "<" not in _WHOLE.sub("", before):
        return "text"
    if _LINK.search(before):
        return "link"
    message = (
        'a field stands within a tag; put it in the text, or behind the server of a link: <a href="https://…/$name">'
    )
    raise InvalidValue(message)


def _lines(written: str, *, html: bool = False) -> tuple[_Line, ...]:
    """Return the lines of a template, each as what is said and the places of its fields."""
    lines, start = [], 0
    for row in written.split("\n"):
        line: list[str | _Field] = []
        end = 0
        for found in Dollars.pattern.finditer(row):
            name = found["named"] or found["braced"]
            line.append(row[end : found.start()])
            end = found.end()
            if found["escaped"]:
                line.append("$")
            elif name:
                line.append(_Field(name, _mode(written[: start + found.start()]) if html else "text"))
            else:
                message = f"a $ stands alone in {quote(row)}; a field is $name or ${{name}}, and $$ is the sign itself"
                raise InvalidValue(message)
        line.append(row[end:])
        lines.append(tuple(piece for piece in line if piece != ""))
        start += len(row) + 1
    return tuple(lines)


def _named(lines: Iterable[_Line]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(piece.name for line in lines for piece in line if isinstance(piece, _Field)))


def _subject(value: Any, where: str) -> str:
    written = text(value, where)
    if not written.isprintable():
        message = f"{where}: a subject is one line of printable characters, not {quote(value)}"
        raise InvalidValue(message)
    _lines(written)
    return written


def _rows(value: Any, where: str) -> str:
    return text(value, where).replace("\r\n", "\n").replace("\r", "\n").strip()


def _text(value: Any, where: str) -> str:
    written = _rows(value, where)
    if not written:
        message = f"{where}: a message needs a text"
        raise InvalidValue(message)
    _lines(written)
    return written


def _html(value: Any, where: str) -> str:
    written = _rows(value, where)
    if _DOCUMENT.search(written):
        message = f"{where}: only what stands in the body is needed, without <html>, <head>, <body> and <script>"
        raise InvalidValue(message)
    _lines(written, html=True)
    return written


def _from_text(written: str) -> str:
    """Return a text as HTML that says the same: paragraphs where there are empty lines."""
    paragraphs = re.split(r"\n\s*\n", escaping.escape(written, quote=False))
    return "\n".join("\n".join(("<div>", part.replace("\n", "<br>\n"), "</div>")) for part in paragraphs)


@attrs.define(init=False, kw_only=True, frozen=True)
class Template:
    """
    How a kind of notification is worded in a language.

    A field is `$name` or `${name}`, a dollar sign is `$$`; there is nothing else in a template. A line all of whose
    fields are empty is left out. Values are put in once and never read as a template; in HTML they are escaped.

    Attributes:
        kind: The kind of notification, such as `stage.entered`; `foot` is what stands at the foot of every message.

        lang: The language, such as `id`.

        subject: The subject, in one line; a foot has none.

        text: The body as plain text.

        html: The body as HTML, without what is around it; made from the text where it is empty.
    """

    kind: str = attrs.field(metadata=reads(slug))
    lang: str = attrs.field(metadata=reads(language))
    subject: str = attrs.field(default="", metadata=reads(_subject))
    text: str = attrs.field(metadata=reads(_text))
    html: str = attrs.field(default="", metadata=reads(_html))

    def __init__(self, *, kind: str, lang: str, subject: str = "", text: str, html: str = "") -> None:
        """
        Word a kind of notification; the arguments are the attributes.

        Raises:
            DefinitionError: With every fault of the arguments, also for a field that notifications of this kind do not
                have.
        """
        given = dict(locals())
        faults: list[tuple[str, str]] = []
        good: dict[str, Any] = {}
        for field in attrs.fields(Template):
            try:
                good |= collected(Template, {field.name: given[field.name]})
            except DefinitionError as error:
                faults += error.faults
        faults += _strange(good)
        if faults:
            raise DefinitionError(faults)
        self.__attrs_init__(**good)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it names, each once."""
        return tuple(dict.fromkeys(name for part in _PARTS for name in _named(_lines(getattr(self, part)))))


_PARTS = ("subject", "text", "html")


def _strange(good: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with the parts of a template, beside each other."""
    kind = good.get("kind")
    known = None if kind is None else fields(kind)
    faults = []
    for part in _PARTS if known is not None else ():
        strange = [name for name in _named(_lines(good.get(part, ""))) if name not in known]  # type: ignore[operator]
        said = f"{kind} has no such field; there are {', '.join(sorted(known or ()))}"
        faults += [(part, f"${name}: {said}") for name in strange]
    subject = good.get("subject")
    if kind == FOOT and subject:
        faults.append(("subject", "a foot has no subject"))
    if kind is not None and kind != FOOT and subject is not None and not subject.strip():
        faults.append(("subject", "a message needs a subject"))
    if kind == FOOT and "text" in good:
        lacks = [part for part in ("text", "html") if good.get(part) and not _proves(good[part])]
        faults += [(part, "a foot says both $reference and $receipt") for part in lacks]
    return faults


def _proves(written: str) -> bool:
    return {"reference", "receipt"} <= set(_named(_lines(written)))


def load_messages(source: str | Path | Mapping[str, Any]) -> tuple[Template, ...]:
    """
    Return the templates that a TOML or JSON file holds, all in one language.

    Args:
        source: The path of a `.toml` or `.json` file, the text of one, or the table itself.

    Raises:
        DefinitionError: With every fault, each with its path.
    """
    named, data = read_table(source)
    faults: list[tuple[str, str]] = []
    templates = _templates(data, {"lang", "messages"}, faults)
    if faults:
        raise DefinitionError(faults, source=named)
    return templates


def _templates(data: Any, known: set[str], faults: list[tuple[str, str]]) -> tuple[Template, ...]:
    if not isinstance(data, Mapping):
        faults.append(("", f"a table is needed, not {quote(data)}"))
        return ()
    faults += _extra(data, known, "")
    faults += [(key, "missing") for key in ("lang", "messages") if key not in data]
    lang, messages = data.get("lang", FALLBACK), data.get("messages", {})
    try:
        language(lang, "lang")
    except InvalidValue as error:
        faults.append(("lang", str(error).removeprefix("lang: ")))
        lang = FALLBACK
    if not isinstance(messages, Mapping):
        faults.append(("messages", f"a table of messages by kind is needed, not {quote(messages)}"))
        return ()
    templates = []
    for kind, parts in messages.items():
        where = f'messages."{place(kind)}"'
        if not isinstance(parts, Mapping):
            faults.append((where, f"a table with subject, text and html is needed, not {quote(parts)}"))
            continue
        extra = _extra(parts, set(_PARTS), where)
        faults += extra
        try:
            about = {part: parts[part] for part in _PARTS if part in parts}
            templates.append(Template(**{"kind": kind, "lang": lang, "text": "", **about}))
        except DefinitionError as error:
            faults += error.under(where).faults
    return tuple(templates)


def _extra(table: Mapping[Any, Any], known: set[str], where: str) -> list[tuple[str, str]]:
    said = f"unknown key; known are {', '.join(sorted(known))}"
    return [(join(where, key), said) for key in sorted(place(key) for key in table if key not in known)]


@attrs.define(frozen=True)
class _Tongue:
    """What the library brings in a language: its templates, and the words for what it knows by codes."""

    templates: Mapping[str, Template]
    words: Mapping[str, str]


@lru_cache(maxsize=8)
def _tongue(lang: str) -> _Tongue:
    if lang not in SPOKEN:
        return _Tongue({}, {})
    file = _HERE / f"{lang}.toml"
    _, data = read_table(file)
    faults: list[tuple[str, str]] = []
    templates = _templates(data, {"lang", "messages", "words"}, faults)
    if faults:
        raise DefinitionError(faults, source=str(file))
    return _Tongue({one.kind: one for one in templates}, data["words"])


@attrs.define(frozen=True)
class _Compiled:
    subject: tuple[_Line, ...]
    text: tuple[_Line, ...]
    html: tuple[_Line, ...]


@lru_cache(maxsize=256)
def _compiled(template: Template) -> _Compiled:
    html = template.html or _from_text(template.text)
    return _Compiled(_lines(template.subject), _lines(template.text), _lines(html, html=True))


Value = str | tuple[str, ...]


def one_line(value: Any, most: int = MOST) -> str:
    """Return a value as one line, without what cannot be seen: nothing that it holds can begin a line of its own."""
    said = canonical(value).decode() if isinstance(value, (Mapping, tuple)) else str(value)
    said = _BLANK.sub(" ", _UNSEEN.sub("", said[: 4 * most])).strip()
    return said if len(said) <= most else f"{said[:most]}…"


def as_header(value: Any, most: int) -> str:
    """Return a value as the header of a mail can hold it: one line, nothing of which is an encoded word."""
    return one_line(value, most).replace("=?", "= ?")


def _value(name: str, value: Any, lang: str) -> Value:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return tuple(one_line(item) for item in value)
    if name in DATES:
        return _day(value, lang)
    said = one_line(value)
    word = WORDED.get(name)
    return said if word is None else _words(lang).get(f"{word}.{said}", said)


def _words(lang: str) -> Mapping[str, str]:
    return _tongue(lang.split("-", maxsplit=1)[0]).words


def _day(value: Any, lang: str) -> str:
    """Return a day as it is written in a language; as ISO 8601 has it, where the library does not speak that one."""
    said, words = one_line(value), _words(lang)
    try:
        day = date.fromisoformat(said)
    except ValueError:
        return said
    if not words:
        return said
    filled = {"day": str(day.day), "month": words[f"month.{day.month}"], "year": str(day.year)}
    return Dollars(words["date"]).substitute(filled)


def _put(lines: Iterable[_Line], values: Mapping[str, Value], say: Callable[[Value, Mode], str]) -> str:
    """Put the values in, once; leave out each line all of whose fields are empty."""
    said = []
    for line in lines:
        places = [piece for piece in line if isinstance(piece, _Field)]
        if places and not any(values.get(piece.name) for piece in places):
            continue
        row = "".join(
            say(values.get(piece.name, ""), piece.mode) if isinstance(piece, _Field) else piece for piece in line
        )
        said.append(row.replace(" \n", "\n").removeprefix("\n"))
    return _GAP.sub("\n\n", "\n".join(said)).strip("\n")


def _plainly(value: Value, _: Mode) -> str:
    return value if isinstance(value, str) else "".join(f"\n- {item}" for item in value)


def _shortly(value: Value, _: Mode) -> str:
    """Return a value short enough to leave room for the others in the subject."""
    said = value if isinstance(value, str) else "; ".join(value)
    return said if len(said) <= MOST_OF_VALUE else f"{said[:MOST_OF_VALUE]}…"


def _in_html(value: Value, mode: Mode) -> str:
    if mode == "link":
        return percent(value if isinstance(value, str) else ",".join(value), safe="")
    if isinstance(value, str):
        return escaping.escape(value)
    items = "".join(f"<li>{escaping.escape(item)}</li>" for item in value)
    return f"<ul>{items}</ul>" if items else ""


class Wording:
    """The templates of an engine: those it was given, and beneath them those that come along."""

    def __init__(self, given: Iterable[Template] = ()) -> None:
        """Take the templates that go before ours; of several for one kind and language, the last."""
        self._given = {(template.kind, template.lang): template for template in given}

    def template(self, kind: str, lang: str) -> Template | None:
        """Return the template for a kind in a language, or the nearest there is: a wider language, then English."""
        for spoken in dict.fromkeys((lang, lang.split("-", maxsplit=1)[0], FALLBACK)):
            found = self._given.get((kind, spoken)) or _tongue(spoken).templates.get(kind)
            if found is not None:
                return found
        return None

    def render(self, notification: Notification) -> Message:
        """Return a notification in words; a kind that nobody has words for is listed plainly."""
        given = {
            **notification.context,
            "agreement": notification.agreement,
            "reference": notification.reference or notification.agreement,
            "receipt": str(notification.receipt),
        }
        template = self.template(notification.kind, notification.lang)
        foot = self._foot(notification.lang if template is None else template.lang)
        if template is None:
            template, given = _listing(notification, foot.lang, given)
        lang = template.lang
        values = {name: _value(name, value, lang) for name, value in given.items()}
        # What has no title that can be seen is called by its id.
        values["title"] = values.get("title") or values["agreement"]
        body, end = _compiled(template), _compiled(foot)
        subject = as_header(_put(body.subject, values, _shortly), MOST_OF_SUBJECT) or notification.kind
        said, proved = _put(body.text, values, _plainly), _put(end.text, values, _plainly)
        shown, sealed = _put(body.html, values, _in_html), _put(end.html, values, _in_html)
        page = _PAGE.format(lang=lang, title=escaping.escape(subject), body=shown, foot=sealed)
        return Message(subject=subject, text=f"{said}\n\n-- \n{proved}\n", html=page, lang=lang)

    def _foot(self, lang: str) -> Template:
        foot = self.template(FOOT, lang)
        assert foot is not None  # noqa: S101  English has one
        return foot


_PAGE = """\
<!DOCTYPE html>
<html lang="{lang}">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
{body}
<hr>
{foot}
</body>
</html>
"""


def _listing(notification: Notification, lang: str, given: Mapping[str, Any]) -> tuple[Template, dict[str, Any]]:
    """Return a template for what nobody has words for, each of its particulars in a line, and what fills it."""
    keys = sorted(notification.context)[:MOST_LISTED]
    subject = f"$title: {notification.kind}"
    # A key is data as well: only its place stands in the template.
    lines = [f"{key.replace('$', '$$')}: $_{i}" for i, key in enumerate(keys)]
    template = Template(kind=notification.kind, lang=lang, subject=subject, text="\n".join((subject, "", *lines)))
    return template, {**given, **{f"_{i}": given[key] for i, key in enumerate(keys)}}


def wording(brought: Iterable[Template], given: Any) -> Wording:
    """
    Return the wording of an engine.

    Args:
        brought: The templates that plugins bring.

        given: The list of templates, or of files of them, that the engine is opened with; these go before the others.
    """
    templates = list(brought)
    for item in listed(given, "messages", "'letters.toml'"):
        templates += (item,) if isinstance(item, Template) else load_messages(item)
    return Wording(templates)
