from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stagegate
from stagegate import DefinitionError, InvalidValue, Message, Notification, Template, load_messages
from stagegate._kinds import ACTS, COMMON, DATES, FOOT, KINDS, PROOF, WORDED, fields
from stagegate._messages import MOST, MOST_LISTED, Wording, _tongue, wording
from stagegate._stages import WHOLE

LANGUAGES = ("en", "id", "ja")
SHIPPED = Path(stagegate.__file__).parent / "messages"


def told(kind: str = "my.own", *, lang: str = "en", reference: str = "", **context: Any) -> Notification:
    """Return a notification as an engine hands it over."""
    made = Notification(channel="mail", kind=kind, context=context, lang=lang, reference=reference)
    return made.placed(agreement="deal", n=7, hash=bytes(range(32)))


def template(
    text: str = "x", *, kind: str = "my.own", lang: str = "en", subject: str = "s", html: str = ""
) -> Template:
    """Return a template of a kind that the library does not know."""
    return Template(kind=kind, lang=lang, subject=subject, text=text, html=html)


def said(text: str, /, *, html: str = "", subject: str = "s", **context: Any) -> Message:
    """Return what a template makes of a context."""
    return Wording([template(text, html=html, subject=subject)]).render(told(**context))


def body(message: Message) -> str:
    """Return the text without its foot."""
    return message.text.partition("\n\n-- \n")[0]


def faults(call: Any, *arguments: Any, **given: Any) -> dict[str, str]:
    """Return what is wrong, by path."""
    with pytest.raises(DefinitionError) as caught:
        call(*arguments, **given)
    return dict(caught.value.faults)


class Balance(HTMLParser):
    """Takes down what is open, and refuses what closes something else."""

    VOID = frozenset({"br", "hr", "meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take it down."""
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        assert tag == self.open.pop()


class TestShipped:
    """The templates that come along."""

    @pytest.mark.parametrize("lang", LANGUAGES)
    def test_every_kind_is_worded(self, lang: str) -> None:
        """Each language has a template for every kind and a foot, and nothing else."""
        assert {*KINDS, FOOT} == set(_tongue(lang).templates)

    @pytest.mark.parametrize("kind", [*KINDS, FOOT])
    @pytest.mark.parametrize("part", ["subject", "text", "html"])
    def test_the_languages_say_the_same(self, kind: str, part: str) -> None:
        """The three languages have the same fields in the same parts, and do not say it in the same words."""
        three = [_tongue(lang).templates[kind] for lang in LANGUAGES]
        named = [Template(kind="x", lang="en", subject="s", text=getattr(one, part) or "x").fields for one in three]

        assert 1 == len({tuple(sorted(one)) for one in named})
        assert 3 == len({one.text for one in three})

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_a_kind_brings_is_said(self, kind: str) -> None:
        """Each field of a kind that is made for people stands in its template."""
        codes = {"deadline", "outcome", "from_stage", "codes", "document"}
        used = set(_tongue("en").templates[kind].fields)

        assert set(KINDS[kind]) - codes - {"deadline_label"} <= used
        assert {"title", "stage_label"} <= used

    @pytest.mark.parametrize("lang", LANGUAGES)
    def test_the_library_has_its_words(self, lang: str) -> None:
        """Every move, every vote and every month has a word in each language."""
        moves = {f"move.{move}" for move in (*WHOLE, *ACTS) if move not in {"start", "sweep"}}
        votes = {f"vote.{vote}" for vote in ("for", "against", "abstain")}

        assert {"date", *moves, *votes, *(f"month.{n}" for n in range(1, 13))} == set(_tongue(lang).words)

    def test_they_are_where_the_wheel_takes_them_from(self) -> None:
        """They lie in the package, one file a language."""
        assert [f"{lang}.toml" for lang in LANGUAGES] == sorted(file.name for file in SHIPPED.iterdir())

    def test_a_file_that_is_damaged_says_so(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """What was spoilt in an installation is named with its file, not passed over."""
        (tmp_path / "ja.toml").write_text(
            'lang = "ja"\n[messages."note.added"]\nsubject = "$nobody"\n', encoding="utf-8"
        )
        monkeypatch.setattr("stagegate._messages._HERE", tmp_path)
        _tongue.cache_clear()
        with pytest.raises(DefinitionError, match=r'ja\.toml: messages\."note\.added"\.subject: \$nobody'):
            _tongue("ja")

    @pytest.mark.parametrize("lang", LANGUAGES)
    @pytest.mark.parametrize("kind", KINDS)
    def test_it_reads_as_html(self, kind: str, lang: str) -> None:
        """A message with all its fields is HTML whose elements are closed in their order."""
        context = {name: ["one", "two"] if name == "reasons" else name for name in (*COMMON, *KINDS[kind])}
        message = Wording().render(told(kind, lang=lang, **context))
        balance = Balance()
        balance.feed(message.html)
        balance.close()

        assert [] == balance.open
        assert lang == message.lang
        assert f'<html lang="{lang}">' in message.html
        assert ("ul" in balance.seen) == ("reasons" in context)
        assert "$" not in message.subject + message.text + message.html


class TestFields:
    """What a template can ask for."""

    def test_named_and_braced(self) -> None:
        """A field is $name or ${name}, and $$ is the sign."""
        assert "a 1 b1c $1 $" == body(said("a $x b${x}c $$1 $$", x="1"))

    @pytest.mark.parametrize(
        "written",
        ["$", "$ x", "${x", "${x.y}", "${x!r}", "${x:>9}", "${}", "$1", "${x[0]}", "$(x)", "${ x }", "${é}", "$é"],
    )
    def test_nothing_else(self, written: str) -> None:
        """No attribute, no index, no format: what is no plain field is refused when it is read."""
        found = faults(Template, kind="my.own", lang="en", subject=written, text=written, html=written)

        assert ["subject", "text", "html"] == list(found)
        assert "a $ stands alone" in found["text"]

    @pytest.mark.parametrize("written", ["{x}", "{0.__class__}", "{{x}}", "%s", "%(x)s", "<%= x %>", "{% x %}", "#{x}"])
    def test_other_languages_of_templates_are_text(self, written: str) -> None:
        """What others would fill in stays as it is."""
        assert written == body(said(written, x="1"))

    @pytest.mark.parametrize("part", ["subject", "text", "html"])
    def test_an_unknown_field_is_found_when_it_is_read(self, part: str) -> None:
        """A field that notifications of that kind do not have is named, with those that they have."""
        parts = {"subject": "s", "text": "x", part: "$title and $actor and $reference"}
        found = faults(Template, kind="note.added", lang="en", **parts)

        wanted = ", ".join(sorted({*COMMON, *PROOF}))
        assert {part: f"$actor: note.added has no such field; there are {wanted}"} == found

    def test_a_kind_of_ones_own_has_any_field(self) -> None:
        """Of a plugin's own kind the library knows no fields; what is not given is empty."""
        assert None is fields("my.own")
        assert "a - b" == body(said("a $here- $gone$there", here="", there="b"))

    def test_no_person_is_told_of(self) -> None:
        """No kind has a field for who acted."""
        assert {"actor", "by", "on_behalf_of"}.isdisjoint({*COMMON, *(name for one in KINDS.values() for name in one)})

    def test_fields_are_listed_once(self) -> None:
        """A template says what it asks for, in the order of its parts."""
        assert ("a", "b", "c") == Template(kind="x", lang="en", subject="$a", text="$b $a", html="$c").fields


class TestTemplates:
    """What a template may be."""

    def test_all_faults_at_once(self) -> None:
        """Everything that is wrong is said together."""
        found = faults(Template, kind="a kind", lang="tlh-x", subject="a\nb", text=" \n ", html="<script>")

        assert ["kind", "lang", "subject", "text", "html"] == list(found)

    def test_ends_of_lines_are_all_alike(self) -> None:
        """A template from another system has the same lines."""
        one = Template(kind="x", lang="en", subject="s", text="a\r\nb\rc\n", html="\r\na\rb")

        assert ("a\nb\nc", "a\nb") == (one.text, one.html)

    @pytest.mark.parametrize("lang", ["", "EN", "e", "english", "en_US", "../en", "en-", 3, None])
    def test_languages_are_codes(self, lang: Any) -> None:
        """A language is named by its code."""
        assert ["lang"] == list(faults(Template, kind="x", lang=lang, subject="s", text="x"))

    def test_a_message_has_a_subject_and_a_foot_has_none(self) -> None:
        """A foot stands under every subject, and says both what proves a message and what it is known by."""
        assert {"subject": "a message needs a subject"} == faults(Template, kind="x", lang="en", text="x")
        found = _all(Template, kind=FOOT, lang="en", subject="s", text="$reference", html="$receipt $title")

        assert ["html", "subject", "text", "html"] == [path for path, _ in found]
        assert "a foot says both $reference and $receipt" == found[2][1]

    @pytest.mark.parametrize("html", ["<html>", "<p></p></BODY>", "< script >", "<head><title>x</title></head>"])
    def test_html_is_what_stands_in_a_body(self, html: str) -> None:
        """What is around it is made for it, and a message runs nothing."""
        assert ["html"] == list(faults(Template, kind="x", lang="en", subject="s", text="x", html=html))

    @pytest.mark.parametrize(
        "html",
        [
            '<p class="$x">',
            "<a $x>",
            "<$x>",
            "<a href=$x>",
            '<a href="$x">',
            '<a href="https://$x/">',
            '<a href="https://host$x/">',
            '<a href="javascript:$x">',
            '<a href="ftp://host/$x">',
            '<a title="https://host/$x">',
            '<img src="https://host/$x">',
            "<style>p { color: $x }</style>",
            "<!-- $x -->",
            "1 < 2 $x",
            '<a title=">" href=$x>',
            "<a title='>' onclick=\"tell('$x')\">",
            '<a title=a"b alt=">" href=$x>',
            '<p title="<b>" $x>',
            "<style>p {}</styled> $x",
        ],
    )
    def test_a_field_stands_in_text(self, html: str) -> None:
        """In a tag, a style or a comment an escaped value could still mean something."""
        found = faults(Template, kind="x", lang="en", subject="s", text="x", html=html)

        assert "a field stands within" in found["html"]

    def test_a_field_may_end_a_link(self) -> None:
        """Behind the server of a link a value may stand: it is written so that it stays a part of the path."""
        html = '<p title=">"><br/><!-- < --><a class="c" href="https://app.example/a/$agreement?of=${list}">$x</a>\n<style>p {}</style> $x <!-- --> $x'
        page = said("x", html=html, x='"><b>', list=["a&b", "../c"]).html

        assert '<a class="c" href="https://app.example/a/deal?of=a%26b%2C..%2Fc">&quot;&gt;&lt;b&gt;</a>' in page
        assert "</style> &quot;&gt;&lt;b&gt; <!-- --> &quot;&gt;&lt;b&gt;" in page


def _all(call: Any, **given: Any) -> tuple[tuple[str, str], ...]:
    """Return what is wrong, in its order."""
    with pytest.raises(DefinitionError) as caught:
        call(**given)
    return caught.value.faults


class TestValues:
    """What becomes of what is put in."""

    def test_a_line_without_a_value_is_left_out(self) -> None:
        """A line all of whose fields are empty is not there; one without fields always is."""
        assert "begin\n\nb: 1\n\nend" == body(said("begin\n\na: $a\nb: $b$a\n\n$c\n\nend", a="", b="1", c=[]))

    def test_a_list_has_a_line_for_each(self) -> None:
        """In the text a list stands in lines, in HTML it is a list, in the subject it is joined."""
        message = said("of:$x\n$x", subject="$x", html="<p>$x", x=["a", "<b>"])

        assert "of:\n- a\n- <b>\n- a\n- <b>" == body(message)
        assert "a; <b>" == message.subject
        assert "<p><ul><li>a</li><li>&lt;b&gt;</li></ul>" in message.html

    def test_an_empty_list_beside_a_value(self) -> None:
        """An empty list in a line that stays is nothing."""
        message = said("$y $x", html="$y $x", x=[], y="a")

        assert "a" == body(message).strip()
        assert "<ul>" not in message.html

    def test_numbers_and_tables_are_written_out(self) -> None:
        """What is no text is shown as plainly as it can be."""
        assert '1 {"a":[1]}' == body(said("$n $t$z", n=1, t={"a": [1]}, z=None))
        assert '- {"a":1}\n- ["b"]' == body(said("$t", t=[{"a": 1}, ["b"]]))

    def test_a_value_is_one_line(self) -> None:
        """Lines, tabs and what cannot be seen become spaces; what turns the writing round is gone."""
        assert "a: b c d e fg\u200dh" == body(
            said("a: $x", x=" b\r\n\tc\x0bd\u2028e\x85 f\u202eg\u200d\u200bh\u2066\ufeff\U000e0041 ")
        )

    def test_long_values_are_cut(self) -> None:
        """A message stays readable, and every value leaves room for the others in the subject."""
        message = said("$x", subject="$x | $y", x="x" * 50_000, y="y" * 500)

        assert "x" * MOST + "…" == body(message)
        assert "x" * 120 + "… | " + "y" * 120 + "…" == message.subject
        assert 301 == len(said("x", subject="a" * 400).subject)

    def test_days_are_written_in_the_language(self) -> None:
        """A day reads as people write it; in a language that the library does not speak, as ISO 8601 has it."""
        wanted = {
            "en": "24 July 2025",
            "id": "24 Juli 2025",
            "ja": "2025年7月24日",
            "ko": "2025-07-24",
            "id-ID": "24 Juli 2025",
        }
        for lang, written in wanted.items():
            own = Wording([template("$date", lang=lang)])

            assert written == body(own.render(told(lang=lang, date="2025-07-24")))

    def test_what_is_no_day_stays(self) -> None:
        """A date that cannot be read is shown as it is."""
        assert {"date", "at", "due", "until"} == DATES
        assert "some day" == body(said("$date", date="some\nday"))

    def test_what_the_library_knows_has_words(self) -> None:
        """Moves and votes are said in the language; what it does not know stays."""
        assert {"move", "vote"} == set(WORDED)
        assert "advance to the next stage, against, x" == body(
            said("$move, $vote, $x", move="advance", vote="against", x="x")
        )
        assert "jump" == body(said("$move", move="jump"))


class TestRendering:
    """Which template is taken, and what stands around it."""

    def test_every_message_proves_itself(self) -> None:
        """At its foot stand what the reader knows it by, and the event it comes from, in text and in HTML."""
        receipt = f"deal #7 {bytes(range(32)).hex()}"
        message = Wording().render(told("note.added", title="A", reference="HK.01/2026"))
        without = Wording().render(told("note.added", title="A"))

        assert message.text.endswith(f"\n\n-- \nReference: HK.01/2026\nReceipt: {receipt}\n")
        assert f"<hr>\n<div>\nReference: HK.01/2026<br>\nReceipt: {receipt}\n</div>" in message.html
        assert "Reference: deal\n" in without.text

    def test_ours_is_the_last(self) -> None:
        """A template of the host's own goes before ours, for its kind and its language only."""
        own = Wording([template("own $title", kind="note.added", lang="id")])
        rendered = {lang: own.render(told("note.added", lang=lang, title="A")) for lang in LANGUAGES}

        assert "own A" == body(rendered["id"])
        assert ["A: note added", "A：メモの追加"] == [rendered[lang].subject for lang in ("en", "ja")]

    @pytest.mark.parametrize(
        "lang, wanted",
        [("id-ID", "id"), ("ja-JP", "ja"), ("ko", "en"), ("id/../id", "en"), ("a.b/c", "en"), ("en-GB", "en")],
    )
    def test_the_nearest_language(self, lang: str, wanted: str) -> None:
        """A wider language is taken before English, and no language is a path."""
        assert wanted == Wording().render(told("note.added", lang=lang, title="A")).lang

    def test_a_language_of_ones_own(self) -> None:
        """A language that the library does not speak has the host's templates, with a foot of its own if there is one."""
        message, foot = (
            template("본문", kind="note.added", lang="ko"),
            Template(kind=FOOT, lang="ko", text="$reference $receipt 끝"),
        )
        alone, both = Wording([message]), Wording([message, foot])

        assert ("ko", "본문") == (
            alone.render(told("note.added", lang="ko")).lang,
            body(alone.render(told("note.added", lang="ko"))),
        )
        assert "Receipt: " in alone.render(told("note.added", lang="ko")).text
        assert both.render(told("note.added", lang="ko")).text.endswith("끝\n")

    def test_what_nobody_has_words_for_is_listed(self) -> None:
        """A plugin's own kind is shown with its particulars, whatever they are called, in each part of the message."""
        message = Wording().render(told("permit.lost", lang="id", **{"b": ["x", "y"], "a$a <i>": "1", "_0": "z"}))

        assert "deal: permit.lost" == message.subject
        assert "deal: permit.lost\n\n_0: z\na$a <i>: 1\nb:\n- x\n- y" == body(message)
        assert "a$a &lt;i&gt;: 1" in message.html
        assert ("id", True) == (message.lang, "Nomor rujukan: deal" in message.text)

    def test_a_list_has_an_end(self) -> None:
        """Of very many particulars the first are listed."""
        context = {f"k{i:04}": "v" for i in range(5000)}

        assert MOST_LISTED == body(Wording().render(told("my.own", **context))).count(": v")

    @pytest.mark.parametrize("title", ["", " \t", "\u200b\u2060", None])
    def test_without_a_title_it_is_called_by_its_id(self, title: Any) -> None:
        """A title that nobody can see is none."""
        assert "deal: note added" == Wording().render(told("note.added", title=title)).subject

    def test_a_subject_is_never_empty(self) -> None:
        """Where a subject says nothing, the kind does."""
        assert "my.own" == said("x", subject="$gone").subject

    def test_nothing_of_a_plugin_hides_the_proof(self) -> None:
        """A context cannot put another receipt, reference or agreement in the place of the real ones."""
        message = Wording().render(told("note.added", receipt="forged", reference="", agreement="forged", title="A"))

        assert "forged" not in message.text + message.html + message.subject


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b c"]), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*COMMON, *KINDS["move.refused"], *DATES, *PROOF, "x", "a b", "$a", "_0", "<b>"])


@given(
    kind=st.sampled_from([*KINDS, FOOT, "my.own"]),
    lang=st.sampled_from([*LANGUAGES, "ko", "id-ID", "a/b"]),
    context=st.dictionaries(NAMES, PLAIN, max_size=8),
)
def test_whatever_is_told_has_words(kind: str, lang: str, context: dict[str, Any]) -> None:
    """No context of a plugin's keeps a message from being made, or its foot from proving it."""
    made = Notification(channel="mail", kind=kind, context=context, lang=lang)
    message = Wording().render(made.placed(agreement="deal", n=7, hash=bytes(range(32))))
    balance = Balance()
    balance.feed(message.html)

    assert [] == balance.open
    assert message.subject
    assert f"deal #7 {bytes(range(32)).hex()}" in message.text.splitlines()[-1]


class TestFiles:
    """Templates from TOML and JSON."""

    def test_a_file(self, tmp_path: Path) -> None:
        """A file holds the templates of one language."""
        file = tmp_path / "letters.toml"
        file.write_text(
            'lang = "id"\n[messages."note.added"]\nsubject = "s"\ntext = "$title"\n[messages.own]\nsubject = "o"\n'
            'text = "x"\nhtml = "<p>"\n',
            encoding="utf-8",
        )
        wanted = (
            Template(kind="note.added", lang="id", subject="s", text="$title"),
            Template(kind="own", lang="id", subject="o", text="x", html="<p>"),
        )
        table = {"lang": "id", "messages": {"own": {"subject": "o", "text": "x", "html": "<p>"}}}

        assert wanted == load_messages(file)
        assert wanted[1:] == load_messages(json.dumps(table)) == load_messages(table)
        assert "o" == wording([], [table, template(kind="own")]).template("own", "id").subject

    def test_all_faults_of_a_file(self, tmp_path: Path) -> None:
        """Every fault is named with its path and its file."""
        file = tmp_path / "letters.toml"
        file.write_text(
            'lang = "klingon"\nextra = 1\n[messages."note.added"]\nsubject = "$actor"\nbody = "x"\n'
            '[messages."a kind"]\nsubject = "s"\ntext = "x"\n',
            encoding="utf-8",
        )
        with pytest.raises(DefinitionError) as caught:
            load_messages(file)

        assert str(file) == caught.value.source
        assert [
            "extra",
            "lang",
            'messages."note.added".body',
            'messages."note.added".text',
            'messages."note.added".subject',
            'messages."a kind".kind',
        ] == [path for path, _ in caught.value.faults]

    @pytest.mark.parametrize(
        "table, paths",
        [
            ({}, ["lang", "messages"]),
            ({"lang": "en", "messages": []}, ["messages"]),
            ({"lang": "en", "messages": {"a": "x"}}, ['messages."a"']),
            ({"lang": 3, "messages": {}}, ["lang"]),
            ("[1]", [""]),
        ],
        ids=["empty", "no table", "no message", "no language", "no file"],
    )
    def test_another_shape(self, table: Any, paths: list[str], tmp_path: Path) -> None:
        """What is no such table is refused in a sentence."""
        if isinstance(table, str):
            (tmp_path / "letters.json").write_text(table, encoding="utf-8")
            table = tmp_path / "letters.json"

        assert paths == list(faults(load_messages, table))

    @pytest.mark.parametrize("given", ["letters.toml", Path("letters.toml"), {}, 3, None, b"x"])
    def test_an_engine_takes_a_list(self, given: Any) -> None:
        """A single file in the place of a list is a mistake that is said."""
        with pytest.raises(InvalidValue, match=r"^messages: a list is needed, such as \['letters\.toml'\]"):
            wording([], given)
