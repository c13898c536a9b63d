"""The desk of an exchange section, used as a browser uses it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from exchange_desk import create_app
from exchange_desk.desk import ACCESS, CASE_FILE, Desk
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Table, event, insert, select, text
from sqlalchemy.engine import Connection
from werkzeug.test import TestResponse

DEAL = "/agreements/busan-izumisano"
DRAFT = b"%PDF the draft"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an empty place: a file, and a database of a real server."""
    if request.param == "postgres":
        database: str = request.getfixturevalue("database")
        return database
    return f"sqlite:///{tmp_path}/desk.db"


@pytest.fixture
def app(url: str) -> Iterator[Flask]:
    """Open the application."""
    app = create_app(url)
    yield app
    app.extensions["desk"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a browser in which a clerk of the section has signed in, with an agreement that was started."""
    client = app.test_client()
    sign_in(client, "kim", "exchange_section")
    assert start(client).status_code == 303
    return client


def sign_in(client: FlaskClient, account: str, *roles: str) -> None:
    """Sign in, for all that follows."""
    assert client.post("/sign-in", data={"account": account, "role": list(roles)}).status_code == 303


def start(
    client: FlaskClient, agreement: str = "busan-izumisano", number: str = "2026-14", **more: str
) -> TestResponse:
    """Start an agreement and open its case file."""
    form = {"id": agreement, "title": "Busan – Izumisano", "number": number, "party": ["busan", "izumisano"]}
    return client.post("/agreements", data=form | more)


def attach(client: FlaskClient, kind: str, content: bytes = DRAFT, **more: Any) -> TestResponse:
    """Attach a document."""
    return client.post(f"{DEAL}/documents", data={"kind": kind, "file": (BytesIO(content), f"{kind}.pdf"), **more})


def at_council(client: FlaskClient) -> None:
    """Bring it before the council."""
    attach(client, "draft_agreement")
    attach(client, "statement_of_reasons")
    assert client.post(f"{DEAL}/moves", data={"move": "advance"}).status_code == 303


def rows(app: Flask, table: Table) -> list[tuple[Any, ...]]:
    """Return what stands in a table of the desk."""
    desk: Desk = app.extensions["desk"]
    with desk.database.connect() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]


def shown(response: TestResponse) -> str:
    """Return a page as its reader sees it."""
    return html.unescape(response.text)


def test_list(client: FlaskClient) -> None:
    """The list says where each agreement stands and whose turn it is, in the language of the reader."""
    start(client, "other", "2026-15", title="Elsewhere")
    everything = client.get("/", headers={"Accept-Language": "ja, en;q=0.5"}).text
    found = client.get("/?text=Elsewhere").text

    assert "Busan – Izumisano" in everything
    assert everything.count("準備") == 2
    assert "Elsewhere" in found
    assert "Busan – Izumisano" not in found


@pytest.mark.parametrize(
    "lang, said", [("en", "Draft of the agreement"), ("id", "Rancangan naskah"), ("ja", "協定書案")]
)
def test_why_it_is_blocked(client: FlaskClient, lang: str, said: str) -> None:
    """The page of an agreement names every reason why a move is not possible; its button cannot be pressed."""
    page = client.get(DEAL, headers={"Accept-Language": lang})
    advance = re.search(r'value="advance">.*?</form>', page.text, re.DOTALL)

    assert advance is not None
    assert said in advance[0]
    assert "disabled" in advance[0]
    assert advance[0].count("<li>") == 2
    assert page.headers["ETag"] == '"1"'
    assert page.headers["Content-Language"] == lang


@pytest.mark.parametrize("lang, said", [("en", "is missing"), ("id", "belum ada"), ("ja", "提出されていない")])
def test_refused(client: FlaskClient, app: Flask, lang: str, said: str) -> None:
    """A shut gate is a 409 with every reason; it stays in the history, and nothing else is written."""
    before = rows(app, ACCESS)
    answer = client.post(f"{DEAL}/moves", data={"move": "advance"}, headers={"Accept-Language": lang})

    assert answer.status_code == 409
    assert shown(answer).count(said) == 2
    assert "refused advance" in client.get(DEAL).text
    assert before == rows(app, ACCESS)


@pytest.mark.usefixtures("client")
def test_start_and_case_file(app: Flask) -> None:
    """An agreement and its case file are there together, and so is who caused it."""
    assert rows(app, CASE_FILE) == [("busan-izumisano", "2026-14", "kim")]
    assert rows(app, ACCESS) == [("busan-izumisano", 1, "kim", "127.0.0.1")]


def test_no_case_file_no_agreement(client: FlaskClient, app: Flask) -> None:
    """Where the case file cannot be opened, since its number is taken, no agreement was started."""
    answer = start(client, "second")

    assert answer.status_code == 409
    assert client.get("/agreements/second").status_code == 404
    assert len(rows(app, CASE_FILE)) == len(rows(app, ACCESS)) == 1


def test_no_agreement_no_case_file(client: FlaskClient, app: Flask) -> None:
    """Where the agreement cannot be started, no case file is opened."""
    sign_in(client, "passer-by")

    assert start(client, "second", "2026-15").status_code == 403
    assert start(client, number="2026-15").status_code == 409
    assert len(rows(app, CASE_FILE)) == 1


def test_signing_in_from_a_page(client: FlaskClient) -> None:
    """Every page has the form by which one signs in, and shows who has."""
    for page in ("/", DEAL):
        said = client.get(page).text

        assert '<form method="post" action="/sign-in">' in said
        assert 'name="account" aria-label="Account" value="kim"' in said
        assert 'name="role"' in said


def test_votes(client: FlaskClient) -> None:
    """The council votes on the draft as it stands; whoever voted on an older page is told so."""
    at_council(client)
    sign_in(client, "park", "council")
    stale = client.post(f"{DEAL}/votes", data={"vote": "approve", "version": "1"})
    voted = client.post(f"{DEAL}/votes", data={"vote": "approve", "version": "4"})

    assert (stale.status_code, voted.status_code) == (412, 303)
    assert "voted approve" in client.get(DEAL).text


def test_refusing_vote(client: FlaskClient) -> None:
    """A vote against stands among the reasons."""
    at_council(client)
    sign_in(client, "park", "council")
    client.post(f"{DEAL}/votes", data={"vote": "refuse", "reason": "too <b>dear</b>"})
    page = client.get(DEAL)

    assert "too <b>dear</b>" not in page.text
    assert "too <b>dear</b>" in shown(page)


def test_other_moves(client: FlaskClient) -> None:
    """It can be held and taken up again, sent back, and ended."""
    at_council(client)
    sign_in(client, "park", "council")
    back = {"move": "send_back", "target": "preparation", "reason": "unclear"}
    sent = client.post(f"{DEAL}/moves", data=back)
    sign_in(client, "lee", "exchange_section", "head")
    held = [client.post(f"{DEAL}/moves", data={"move": move, "reason": "elections"}) for move in ("hold", "resume")]
    ended = client.post(f"{DEAL}/moves", data={"move": "end", "target": "withdrawn", "reason": "given up"})

    assert [answer.status_code for answer in (sent, *held, ended)] == [303, 303, 303, 303]


def test_content_of_a_document(client: FlaskClient) -> None:
    """What was uploaded can be fetched under its name."""
    attach(client, "draft_agreement")
    link = re.search(r'"(/papers/\w+)"', client.get(DEAL).text)
    assert link is not None
    paper = client.get(link[1])

    assert paper.data == DRAFT
    assert "draft_agreement.pdf" in paper.headers["Content-Disposition"]
    assert client.get("/papers/0").status_code == 404


def test_seen_version(client: FlaskClient) -> None:
    """A program says the same in a header, as a form does in a field."""
    attach(client, "draft_agreement")
    move = {"move": "advance"}

    assert client.post(f"{DEAL}/moves", data=move, headers={"If-Match": '"1"'}).status_code == 412
    assert client.post(f"{DEAL}/moves", data=move, headers={"If-Match": "*x"}).status_code == 412
    assert client.post(f"{DEAL}/moves", data=move, headers={"If-Match": 'W/"2"'}).status_code == 409


def test_sent_twice(client: FlaskClient, app: Flask) -> None:
    """A form that is sent twice counts once; what it is sent with for something else is refused."""
    answers = [attach(client, "draft_agreement", request_id="form-1") for _ in range(2)]
    twice = [start(client, "second", "2026-15", request_id="form-2") for _ in range(2)]
    reused = attach(client, "statement_of_reasons", request_id="form-1")

    assert [answer.status_code for answer in (*answers, *twice, reused)] == [303, 303, 303, 303, 422]
    assert [row[:2] for row in rows(app, ACCESS)] == [("busan-izumisano", 1), ("busan-izumisano", 2), ("second", 1)]


def test_at_once(client: FlaskClient, app: Flask) -> None:
    """Of eight who start a tie under one number at once, one does; there is one tie and one case file more."""

    def attempt(k: int) -> int:
        other = app.test_client()
        sign_in(other, f"clerk {k}", "exchange_section")
        return start(other, f"tie-{k}", "2026-15").status_code

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(attempt, range(8)))

    assert answers == [303, *[409] * 7]
    assert len(rows(app, CASE_FILE)) == len(rows(app, ACCESS)) == 2
    assert client.get("/").text.count("<tr>") == 1 + 2


def test_asked_for_later(client: FlaskClient) -> None:
    """What became of a form can be asked for: done, refused, or never heard of."""
    client.post(f"{DEAL}/moves", data={"move": "advance", "request_id": "refused"})
    attach(client, "draft_agreement", request_id="done")

    assert client.get("/requests/done").location == DEAL
    assert client.get("/requests/refused").status_code == 409
    assert client.get("/requests/unknown").status_code == 404


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_unknown(client: FlaskClient, app: Flask) -> None:
    """Where the server goes away at the commit, nobody knows; the reader is told so, asks later, and sends it again."""
    desk: Desk = app.extensions["desk"]

    def cut(connection: Connection) -> None:
        pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
        with desk.database.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})

    event.listen(desk.database, "commit", cut, once=True)
    answer = attach(client, "draft_agreement", request_id="form-1")

    assert answer.status_code == 503
    assert "/requests/form-1" in answer.text
    assert client.get("/requests/form-1").status_code == 404
    assert attach(client, "draft_agreement", request_id="form-1").status_code == 303
    assert len(rows(app, ACCESS)) == 2


def test_number_of_another_desk(client: FlaskClient, app: Flask) -> None:
    """A number that somebody has entered by hand is taken as well, and the agreement of that number does not start."""
    desk: Desk = app.extensions["desk"]
    with desk.database.begin() as connection:
        connection.execute(insert(CASE_FILE).values(agreement="by hand", number="2026-20", clerk="choi"))

    assert start(client, "second", "2026-20").status_code == 409
    assert client.get("/agreements/second").status_code == 404
