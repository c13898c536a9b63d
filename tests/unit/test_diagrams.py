"""Pictures of processes: that they say what is so, and that no label can break out of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from stagegate import (
    Actor,
    Agreement,
    Document,
    Engine,
    Event,
    Outcome,
    Process,
    Stage,
    builtin,
    document,
    fact,
)
from stagegate.diagrams import dot, mermaid

CLERK = Actor(id="ann", roles={"clerk", "council"})

# Everything that may stand in a diagram, line by line: whatever is not one of these was broken out of a label.
_SAID = r"(?:[^\x00-\x7f]|[A-Za-z0-9 \-.,()/_]|#\d+;)*"
_BOX = rf'(?:\["{_SAID}(?:<br/>{_SAID})*"\]|\(\["{_SAID}"\]\)):::(?:ahead|done|here|skipped|ending|finished|note)'
MERMAID = [
    r"flowchart TD",
    rf"    (?:s\d+|e\d+|also){_BOX}",
    rf'    s\d+ (?:-->|==>|-\.->) (?:\|"{_SAID}"\| )?[se]\d+',
    r"    classDef [a-z]+ [a-z0-9#:,\- ]+",
]
_QUOTED = r'"(?:[^"\\]|\\\\|\\"|\\n)*"'
DOT = [
    r"digraph stagegate \{",
    r"\}",
    rf"    (?:graph|node|edge) \[(?:[a-z]+={_QUOTED}(?:, )?)+\];",
    rf"    (?:s\d+|e\d+|also) \[(?:[a-z]+=(?:{_QUOTED}|\d)(?:, )?)+\];",
    rf"    s\d+ -> [se]\d+ \[style={_QUOTED}(?:, label={_QUOTED})?(?:, constraint=false)?\];",
]
EVIL = (
    'x"]; click s0 "javascript:alert(1)" %%{init: {}}%% `$$a$$` <b>&amp;</b> #quot; '
    '\\" \\N -->\r\nsubgraph z\x1b[31m\u2028\u202e'
)


def process(label: str = "Draft", role: str = "Clerk") -> Process:
    """Return a process with everything a picture can show."""
    return Process(
        id="case",
        version="1",
        roles={"clerk": {"en": role, "ja": "事務"}, "council": "Council"},
        stages=(
            Stage("draft", owner="clerk", gate=document("paper"), label=label, back_to=("draft",)),
            Stage(
                "check", owner="clerk", gate=document("paper"), when=fact("risky", equals=True), label={"en": "Check"}
            ),
            Stage("vote", owner="council", gate=document("paper"), back_to=("draft",)),
            Stage("done", owner=("clerk", "council")),
        ),
        outcomes=(
            Outcome("completed", stages=("done",), label={"en": "Completed", "ja": "完了"}),
            Outcome("dropped", stages=("draft", "check"), label=label),
            Outcome("lost"),
        ),
    )


@pytest.fixture
def walk() -> Callable[..., tuple[Agreement, tuple[Event, ...]]]:
    """Return what walks an agreement along moves, and answers it with its history."""

    def go(*moves: str, facts: dict[str, Any] | None = None) -> tuple[Agreement, tuple[Event, ...]]:
        with Engine.open("memory:", processes=[process()]) as engine:
            deal = engine.start("case", "one", by=CLERK)
            deal = engine.attach(deal, Document.from_bytes(b"x", kind="paper"), by=CLERK)
            for name, value in (facts or {}).items():
                deal = engine.record(deal, name, value, by=CLERK)
            for move in moves:
                if move == "advance":
                    deal = engine.advance(deal, by=CLERK)
                elif move == "hold":
                    deal = engine.hold(deal, "wait", by=CLERK)
                elif move.startswith("end:"):
                    deal = engine.end(deal, move.removeprefix("end:"), by=CLERK)
                else:
                    deal = engine.send_back(deal, move, "again", by=CLERK)
            return deal, engine.history(deal)

    return go


def lines(drawn: str) -> list[str]:
    """Return the lines of a picture without their indentation."""
    return [line.strip() for line in drawn.splitlines()]


def fits(drawn: str, grammar: list[str]) -> bool:
    """Say whether every line is one that a picture may have."""
    return drawn.endswith("\n") and all(
        any(re.fullmatch(pattern, line) for pattern in grammar) for line in drawn[:-1].split("\n")
    )


class TestMermaid:
    """Mermaid."""

    def test_blueprint(self) -> None:
        """A process alone shows its stages with their owners, its ways, and how it can end."""
        drawn = lines(mermaid(process()))

        assert "flowchart TD" == drawn[0]
        assert [
            's0["Draft<br/>Clerk"]:::ahead',
            's1["Check<br/>Clerk"]:::ahead',
            's2["vote<br/>Council"]:::ahead',
            's3["done<br/>Clerk, Council"]:::ahead',
            'e0(["Completed"]):::ending',
            'also["it can also end as#58; Draft, lost"]:::note',
            "s0 --> s1",
            's0 -.-> |"if not needed"| s2',
            "s1 --> s2",
            "s2 --> s3",
            "s0 -.-> s0",
            "s2 -.-> s0",
            "s3 -.-> e0",
        ] == [line for line in drawn[1:] if not line.startswith("classDef")]

    def test_place_is_marked(self, walk: Any) -> None:
        """Where an agreement stands is marked, what is behind it looks otherwise than what is ahead."""
        deal, history = walk("advance", facts={"risky": True})
        drawn = lines(mermaid(process(), deal, history=history))

        assert 's0["Draft<br/>Clerk"]:::done' in drawn
        assert 's1["Check<br/>Clerk<br/>◉ here"]:::here' in drawn
        assert 's2["vote<br/>Council"]:::ahead' in drawn
        assert "s0 ==> s1" in drawn
        assert "s1 --> s2" in drawn

    def test_skipped_stage(self, walk: Any) -> None:
        """A stage that was passed over looks so, and so does the way over it."""
        deal, history = walk("advance")
        drawn = lines(mermaid(process(), deal, history=history))

        assert 's1["Check<br/>Clerk<br/>skipped"]:::skipped' in drawn
        assert 's0 ==> |"skipped"| s2' in drawn
        assert "s0 --> s1" in drawn

    def test_returns(self, walk: Any) -> None:
        """Ways back that were gone are marked with how often, and the stage with its round."""
        deal, history = walk("advance", "draft", "advance", "draft", "draft")
        drawn = lines(mermaid(process(), deal, history=history))

        assert 's0["Draft<br/>Clerk<br/>◉ here, round 4"]:::here' in drawn
        assert 's2["vote<br/>Council<br/>round 2"]:::done' in drawn
        assert 's2 ==> |"sent back ×2"| s0' in drawn
        assert 's0 ==> |"sent back ×1"| s0' in drawn

    def test_without_history(self, walk: Any) -> None:
        """An agreement alone tells which stages it has entered; the ways forward between them are taken as gone."""
        deal, _ = walk("advance")
        drawn = lines(mermaid(process(), deal))

        assert 's1["Check<br/>Clerk<br/>skipped"]:::skipped' in drawn
        assert {"s0 --> s1", "s1 --> s2", "s2 --> s3"} <= set(drawn)
        assert any(line.startswith("s0 ==>") and line.endswith("s2") for line in drawn)

    def test_on_hold(self, walk: Any) -> None:
        """An agreement on hold says so where it stands."""
        deal, _ = walk("hold")

        assert 's0["Draft<br/>Clerk<br/>◉ here, on hold"]:::here' in lines(mermaid(process(), deal))

    @pytest.mark.parametrize(
        "outcome,moves,box,way",
        [
            ("lost", ["advance"], 'e2(["lost"]):::finished', "s2 ==> e2"),
            ("dropped", [], 'e1(["Draft"]):::finished', "s0 ==> e1"),
            ("completed", ["advance", "advance"], 'e0(["Completed"]):::finished', "s3 ==> e0"),
        ],
    )
    def test_it_ended(self, walk: Any, outcome: str, moves: list[str], box: str, way: str) -> None:
        """An agreement that has ended stands at its outcome, and the way there is drawn."""
        deal, history = walk(*moves, f"end:{outcome}")
        drawn = lines(mermaid(process(), deal, history=history))

        assert box in drawn
        assert way in drawn
        assert not any("◉" in line for line in drawn)

    def test_language(self, walk: Any) -> None:
        """Labels and words come in the language that was asked for."""
        deal, history = walk("advance", "draft")
        drawn = lines(mermaid(process(), deal, history=history, lang="ja"))

        assert 's0["Draft<br/>事務<br/>◉ 現在地、2回目"]:::here' in drawn
        assert 'e0(["完了"]):::ending' in drawn
        assert 's2 ==> |"差戻し ×1"| s0' in drawn

    def test_default_outcomes(self) -> None:
        """What every process can end as is told in one box, where it has no way of its own."""
        plain = Process(
            id="x", version="1", stages=(Stage("a", owner="clerk", gate=fact("f")), Stage("b", owner="clerk"))
        )
        only = Process(id="x", version="1", stages=plain.stages, outcomes=[Outcome("completed", stages="b")])

        assert 'also["it can also end as#58; withdrawn, rejected"]:::note' in lines(mermaid(plain))
        assert "also" not in mermaid(only)

    def test_built_in(self) -> None:
        """The built-in process is drawn whole."""
        drawn = mermaid(builtin("id-ksdpl"), lang="id")

        assert fits(drawn, MERMAID)
        assert 8 == len(re.findall(r"^    s\d+\[", drawn, flags=re.MULTILINE))


class TestDot:
    """DOT."""

    def test_place_and_ways(self, walk: Any) -> None:
        """The same picture in DOT: boxes, the place, the ways that were gone."""
        deal, history = walk("advance", "draft")
        drawn = dot(process(), deal, history=history)

        assert fits(drawn, DOT)
        assert 's0 [label="Draft\\nClerk\\n◉ here, round 2", fillcolor="#ffe08a", shape="box"' in drawn
        assert 's0 -> s2 [style="bold", label="skipped", constraint=false];' in drawn
        assert 's2 -> s0 [style="bold", label="sent back ×1", constraint=false];' in drawn
        assert 's2 -> s3 [style="solid"];' in drawn
        assert 's3 -> e0 [style="dashed", constraint=false];' in drawn
        assert 's1 [label="Check\\nClerk\\nskipped"' not in drawn

    def test_it_ended(self, walk: Any) -> None:
        """The outcome that was reached is drawn as the place."""
        deal, history = walk("end:lost")

        assert 'e2 [label="lost", fillcolor="#ffe08a", shape="oval"' in dot(process(), deal, history=history)

    def test_quotes_and_backslashes(self) -> None:
        """Quotes and backslashes are letters like any other."""
        drawn = dot(process(label='a "b" \\ c & d'))

        assert 's0 [label="a \\"b\\" \\\\ c &amp; d\\nClerk"' in drawn


LABELS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)


class TestLabels:
    """No label breaks out of its box."""

    def test_evil(self) -> None:
        """What would end a box, begin a line or be taken for a directive is drawn as letters."""
        evil = process(label=EVIL, role=EVIL)

        assert fits(mermaid(evil), MERMAID)
        assert fits(dot(evil), DOT)
        for said in ("%%", "javascript:", "`", "$", "<b>", "\x1b", "\u202e", "\u2028"):
            assert said not in mermaid(evil)

    @given(LABELS, LABELS)
    def test_any_label(self, label: str, role: str) -> None:
        """Whatever the labels are, every line is one of those that a picture is made of."""
        drawn = process(label=label, role=role)

        assert fits(mermaid(drawn), MERMAID)
        assert fits(dot(drawn), DOT)

    def test_grammar_finds_a_break(self) -> None:
        """The check above is no empty one: a label that broke out would be found."""
        assert not fits(mermaid(process()).replace("Draft", 'x"] --> s9["y'), MERMAID)
        assert not fits(mermaid(process()).replace("Draft", "x\nclick s0 call f()"), MERMAID)
        assert not fits(dot(process()).replace("Draft", 'x"]; evil [label="'), DOT)
