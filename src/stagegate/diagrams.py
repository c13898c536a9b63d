"""A process as a picture: Mermaid for pages, DOT for Graphviz, with the place where an agreement stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import attrs

from ._agreement import Agreement
from ._history import Event
from ._process import Process
from ._stages import Stage
from ._text import FALLBACK, Label, punctuation

__all__ = ["dot", "mermaid"]

_WORDS = {
    "here": Label({"en": "here", "id": "di sini", "ja": "現在地"}),
    "hold": Label({"en": "on hold", "id": "ditangguhkan", "ja": "保留中"}),
    "round": Label({"en": "round", "id": "putaran", "ja": "回目"}),
    "skipped": Label({"en": "skipped", "id": "dilewati", "ja": "省略"}),
    "back": Label({"en": "sent back", "id": "dikembalikan", "ja": "差戻し"}),
    "unless": Label({"en": "if not needed", "id": "bila tidak diperlukan", "ja": "不要な場合"}),
    "also": Label({"en": "it can also end as", "id": "dapat juga berakhir sebagai", "ja": "このほかの終了区分"}),
}

_Look = Literal["ahead", "done", "here", "skipped", "ending", "finished", "note"]

_FILL: dict[_Look, str] = {
    "ahead": "#ffffff",
    "done": "#dff0d8",
    "here": "#ffe08a",
    "skipped": "#eeeeee",
    "ending": "#f5f5f5",
    "finished": "#ffe08a",
    "note": "#ffffff",
}


@attrs.frozen(kw_only=True)
class _Node:
    """A box: what stands in it, line by line, and how it looks."""

    key: str
    lines: tuple[str, ...]
    look: _Look = "ahead"


@attrs.frozen(kw_only=True)
class _Edge:
    """A line: from where to where, what stands at it, whether it was gone, whether it leaves the main road."""

    source: str
    dest: str
    text: str = ""
    taken: bool = False
    side: bool = False


def mermaid(
    process: Process, agreement: Agreement | None = None, *, history: Iterable[Event] = (), lang: str = FALLBACK
) -> str:
    """
    Return the process as a Mermaid flowchart.

    Args:
        process: The process.

        agreement: Mark where this one stands, what it has passed and what it has skipped.

        history: Its events; with them, the ways it was sent back are marked too.

        lang: The language of the labels.
    """
    nodes, edges = _picture(process, agreement, history, lang)
    lines = ["flowchart TD"]
    for node in nodes:
        said = "<br/>".join(map(_in_mermaid, node.lines))
        left, right = ("([", "])") if node.look in {"ending", "finished"} else ("[", "]")
        lines.append(f'    {node.key}{left}"{said}"{right}:::{node.look}')
    for edge in edges:
        arrow = "==>" if edge.taken else "-.->" if edge.side else "-->"
        said = f'|"{_in_mermaid(edge.text)}"| ' if edge.text else ""
        lines.append(f"    {edge.source} {arrow} {said}{edge.dest}")
    for look in dict.fromkeys(node.look for node in nodes):
        dash = ",stroke-dasharray:4 3" if look in {"skipped", "note"} else ""
        width = ",stroke-width:3px" if look in {"here", "finished"} else ""
        lines.append(f"    classDef {look} fill:{_FILL[look]},stroke:#555555,color:#111111{width}{dash}")
    return "\n".join(lines) + "\n"


def dot(
    process: Process, agreement: Agreement | None = None, *, history: Iterable[Event] = (), lang: str = FALLBACK
) -> str:
    """
    Return the process as a graph in the DOT language of Graphviz.

    Args:
        process: The process.

        agreement: Mark where this one stands, what it has passed and what it has skipped.

        history: Its events; with them, the ways it was sent back are marked too.

        lang: The language of the labels.
    """
    nodes, edges = _picture(process, agreement, history, lang)
    lines = [
        "digraph stagegate {",
        '    graph [rankdir="TB"];',
        '    node [shape="box", style="filled,rounded", color="#555555", fontcolor="#111111"];',
        '    edge [color="#555555", fontcolor="#111111"];',
    ]
    for node in nodes:
        said = "\\n".join(map(_in_dot, node.lines))
        style = "filled,rounded,dashed" if node.look in {"skipped", "note"} else "filled,rounded"
        width = 3 if node.look in {"here", "finished"} else 1
        shape = "oval" if node.look in {"ending", "finished"} else "box"
        lines.append(
            f'    {node.key} [label="{said}", fillcolor="{_FILL[node.look]}", shape="{shape}",'
            f' style="{style}", penwidth={width}];'
        )
    for edge in edges:
        style = "bold" if edge.taken else "dashed" if edge.side else "solid"
        said = f', label="{_in_dot(edge.text)}"' if edge.text else ""
        free = ", constraint=false" if edge.side else ""
        lines.append(f'    {edge.source} -> {edge.dest} [style="{style}"{said}{free}];')
    return "\n".join([*lines, "}"]) + "\n"


# What a label may hold besides letters and digits. The rest of ASCII is written as entities: then no label can end its
# box, start another line, or be taken for a directive, an icon or a formula.
_PLAIN = frozenset(" -.,()/_")


def _in_mermaid(said: str) -> str:
    return "".join(c if _harmless(c) else f"#{ord(c)};" for c in _one_line(said))


def _harmless(c: str) -> bool:
    return not c.isascii() or c.isalnum() or c in _PLAIN


def _in_dot(said: str) -> str:
    quoted = _one_line(said).replace("\\", "\\\\").replace('"', '\\"')
    return quoted.replace("&", "&amp;")


def _one_line(said: str) -> str:
    """Put what breaks a line or draws nothing (control characters, separators) into one space."""
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())


def _picture(
    process: Process, agreement: Agreement | None, history: Iterable[Event], lang: str
) -> tuple[list[_Node], list[_Edge]]:
    gone, skipped = _gone(history)
    keys = {stage.id: f"s{place}" for place, stage in enumerate(process.stages)}
    ends = {outcome.id: f"e{place}" for place, outcome in enumerate(process.outcomes)}
    nodes = [
        _Node(
            key=keys[stage.id],
            lines=tuple(_lines(process, stage, agreement, lang)),
            look=_look(process, stage, agreement),
        )
        for stage in process.stages
    ]
    edges = [
        *_forwards(process, agreement, gone=gone, skipped=skipped, keys=keys, lang=lang),
        *_backwards(process, gone, keys, lang),
    ]
    elsewhere = []
    for outcome in process.outcomes:
        reached = agreement is not None and agreement.outcome == outcome.id
        name = outcome.label.text(lang) or outcome.id
        if not reached and len(outcome.stages) != 1:
            # Lines from every stage to every end would hide the path.
            elsewhere.append(name)
            continue
        nodes.append(_Node(key=ends[outcome.id], lines=(name,), look="finished" if reached else "ending"))
        last = agreement.stage if agreement is not None and reached else ""
        sources = [last] if last in keys else [*outcome.stages]
        edges.extend(_Edge(source=keys[s], dest=ends[outcome.id], taken=s == last, side=True) for s in sources)
    if elsewhere:
        comma, colon = punctuation(lang)
        said = f"{_WORDS['also'].text(lang)}{colon}{comma.join(elsewhere)}"
        nodes.append(_Node(key="also", lines=(said,), look="note"))
    return nodes, edges


def _gone(history: Iterable[Event]) -> tuple[Counter[tuple[str, str]], set[tuple[str, str]]]:
    """Return how often each way was gone, and which ways led over a stage that was skipped."""
    gone: Counter[tuple[str, str]] = Counter()
    skipped: set[tuple[str, str]] = set()
    for event in history:
        if event.kind == "migrated":
            # The ways that were gone are those between the stages that took their places.
            now = event.data.get("data", {}).get("mapping", {})
            gone = Counter({(now.get(a, a), now.get(b, b)): times for (a, b), times in gone.items()})
            skipped = {(now.get(a, a), now.get(b, b)) for a, b in skipped}
        source, dest = event.data.get("from"), event.data.get("to")
        if event.kind == "moved" and source and dest:
            gone[source, dest] += 1
            if event.data.get("data", {}).get("skipped"):
                skipped.add((source, dest))
    return gone, skipped


def _look(process: Process, stage: Stage, agreement: Agreement | None) -> _Look:
    if agreement is None:
        return "ahead"
    if stage.id == agreement.stage:
        return "done" if agreement.outcome is not None else "here"
    if stage.id in agreement.rounds:
        return "done"
    return "skipped" if process.place(stage.id) < process.place(agreement.stage) else "ahead"


def _lines(process: Process, stage: Stage, agreement: Agreement | None, lang: str) -> Iterator[str]:
    yield stage.label.text(lang) or stage.id
    comma, _ = punctuation(lang)
    yield comma.join(process.roles.get(role, Label()).text(lang) or role for role in stage.owner)
    if agreement is None:
        return
    look, marks = _look(process, stage, agreement), []
    if look == "here":
        marks.append(f"◉ {_WORDS['here'].text(lang)}")
        if agreement.hold is not None:
            marks.append(_WORDS["hold"].text(lang))
    if look == "skipped":
        marks.append(_WORDS["skipped"].text(lang))
    rounds = agreement.rounds.get(stage.id, 0)
    if rounds > 1:
        marks.append(
            f"{rounds}{_WORDS['round'].text(lang)}" if lang == "ja" else f"{_WORDS['round'].text(lang)} {rounds}"
        )
    if marks:
        yield comma.join(marks)


def _forwards(
    process: Process,
    agreement: Agreement | None,
    *,
    gone: Counter[tuple[str, str]],
    skipped: set[tuple[str, str]],
    keys: dict[str, str],
    lang: str,
) -> Iterator[_Edge]:
    for stage in process.stages:
        for number, dest in enumerate(filter(None, process.plan.targets("advance", stage.id))):
            way = (stage.id, dest)
            # Without its history an agreement still tells which stages it has entered.
            seen = gone[way] > 0 if gone or agreement is None else _entered_next(agreement, *way, process)
            word = "skipped" if way in skipped else "unless"
            yield _Edge(
                source=keys[stage.id],
                dest=keys[dest],
                text=_WORDS[word].text(lang) if number else "",
                taken=seen,
                side=number > 0,
            )


def _entered_next(agreement: Agreement, source: str, dest: str, process: Process) -> bool:
    between = process.stages[process.place(source) + 1 : process.place(dest)]
    rounds = agreement.rounds
    return source in rounds and dest in rounds and not any(stage.id in rounds for stage in between)


def _backwards(process: Process, gone: Counter[tuple[str, str]], keys: dict[str, str], lang: str) -> Iterator[_Edge]:
    for stage in process.stages:
        for dest in stage.back_to:
            times = gone[stage.id, dest]
            said = f"{_WORDS['back'].text(lang)} ×{times}" if times else ""
            yield _Edge(source=keys[stage.id], dest=keys[dest], text=said, taken=times > 0, side=True)
