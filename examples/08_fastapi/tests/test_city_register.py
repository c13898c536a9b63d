"""The register of a city, asked as a client asks it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from city_register import create_app
from city_register.office import Letter, Office
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

MAYOR = {"X-Actor": "tri", "X-Roles": "mayor"}
COUNCIL = {"X-Actor": "secretary", "X-Roles": "council"}
REPORT = b"%PDF what was explored"
DEAL = "/agreements/bekasi-izumisano"


def letter(number: str = "031/2026") -> dict[str, Any]:
    """Return a wish to advance, with its letter."""
    return {"move": "advance", "letter": {"number": number, "subject": "The next stage"}}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an empty place: a file, and a database of a real server."""
    if request.param == "postgres":
        database: str = request.getfixturevalue("database")
        return database
    return f"sqlite:///{tmp_path}/register.db"


@pytest.fixture
def app(url: str) -> FastAPI:
    """Return the application."""
    return create_app(url)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Run the application, with an agreement in it."""
    with TestClient(app, headers=MAYOR) as client:
        new = {"id": "bekasi-izumisano", "title": "Bekasi – Izumisano", "parties": ["bekasi", "izumisano"]}
        assert client.post("/agreements", json=new).status_code == 201
        yield client


def ready(client: TestClient) -> None:
    """Bring what the first gate asks for."""
    assert client.put(f"{DEAL}/documents/exploration_report", content=REPORT).status_code == 200
    fact = {"value": 4_000_000_000, "source": "budget 2026"}
    assert client.put(f"{DEAL}/facts/cost", json=fact).status_code == 200


def letters(app: FastAPI) -> list[tuple[str, str, int]]:
    """Return what stands in the register of letters."""
    office: Office = app.state.office
    with Session(office.database) as session:
        return [(line.number, line.agreement, line.n) for line in session.scalars(select(Letter))]


def kinds(client: TestClient) -> list[str]:
    """Return what happened."""
    return [event["kind"] for event in client.get(f"{DEAL}/history").json()]


def test_list(client: TestClient) -> None:
    """The list says where each agreement stands and whose turn it is, in the language of the reader."""
    page = client.get("/agreements", headers={"Accept-Language": "ja;q=0.5, id;q=0.9, fr"}).json()
    (found,) = page["items"]

    assert found["stage_label"] == "Penjajakan"
    assert found["turn_of"] == ["mayor"]
    assert page["next"] is None


def test_why_it_is_blocked(client: TestClient) -> None:
    """A page about an agreement names every reason why a move is not possible, and who can mend it."""
    shown = client.get(DEAL, headers={"Accept-Language": "id"})
    (advance,) = (move for move in shown.json()["moves"] if move["move"] == "advance")

    assert shown.headers["ETag"] == '"1"'
    assert advance["open"] is False
    assert [why["text"] for why in advance["why_not"]] == [
        "Laporan penjajakan: dokumen exploration_report belum ada",
        "Batas biaya: fakta cost belum dicatat",
    ]
    assert {why["fix_by"][0] for why in advance["why_not"]} == {"mayor"}


@pytest.mark.parametrize(
    "lang, said",
    [
        ("en", "Exploration report: the document exploration_report is missing"),
        ("id", "Laporan penjajakan: dokumen exploration_report belum ada"),
        ("ja", "予備協議報告書：文書「exploration_report」が提出されていない"),
    ],
)
def test_refused(client: TestClient, app: FastAPI, lang: str, said: str) -> None:
    """A shut gate is a 409 with every reason, it stays in the history, and no letter is entered."""
    answer = client.post(f"{DEAL}/moves", json=letter(), headers={"Accept-Language": f"{lang}-XX, en;q=0.1"})

    assert (answer.status_code, answer.headers["Content-Language"]) == (409, lang)
    assert answer.json()["unmet"][0]["text"] == said
    assert [why["code"] for why in answer.json()["unmet"]] == ["document.missing", "fact.missing"]
    assert kinds(client) == ["started", "refused"]
    assert letters(app) == []


def test_move_and_letter(client: TestClient, app: FastAPI) -> None:
    """A move and its letter are there together."""
    ready(client)
    answer = client.post(f"{DEAL}/moves", json=letter())

    assert (answer.status_code, answer.json()["stage"]) == (200, "council")
    assert answer.headers["ETag"] == '"4"'
    assert letters(app) == [("031/2026", "bekasi-izumisano", 4)]


def test_no_letter_no_move(client: TestClient, app: FastAPI) -> None:
    """Where the letter cannot be entered, since its number is taken, the move was not made either."""
    ready(client)
    with Session(app.state.office.database) as session:
        session.add(Letter(number="031/2026", agreement="other", n=9, subject="Another", clerk="ann"))
        session.commit()
    answer = client.post(f"{DEAL}/moves", json=letter())

    assert (answer.status_code, answer.json()["error"]) == (409, "Taken")
    assert client.get(DEAL).json()["stage"] == "exploration"
    assert kinds(client) == ["started", "attached", "recorded"]
    assert letters(app) == [("031/2026", "other", 9)]


def test_votes(client: TestClient) -> None:
    """The council votes on what it was shown; then the mayor can go on."""
    ready(client)
    client.post(f"{DEAL}/moves", json=letter())
    vote = client.post(f"{DEAL}/votes", json={"vote": "approve"}, headers=COUNCIL)
    done = client.post(f"{DEAL}/moves", json=letter("032/2026"))

    assert vote.status_code == 200
    assert done.json()["stage"] == "implementation"


def test_refusing_vote_and_return(client: TestClient) -> None:
    """A vote against shuts the gate, with its reason; the council can send it back."""
    ready(client)
    client.post(f"{DEAL}/moves", json=letter())
    client.post(f"{DEAL}/votes", json={"vote": "refuse", "reason": "too dear"}, headers=COUNCIL)
    shut = client.post(f"{DEAL}/moves", json=letter("032/2026"))
    back = {"move": "send_back", "to": "exploration", "reason": "too dear", "letter": letter("033/2026")["letter"]}
    returned = client.post(f"{DEAL}/moves", json=back, headers=COUNCIL)

    assert "too dear" in shut.json()["unmet"][0]["text"]
    assert returned.json()["stage"] == "exploration"


def test_content_of_a_document(client: TestClient) -> None:
    """What is uploaded is kept by the office, and found by the digest that the history has."""
    ready(client)
    digest = client.get(DEAL).json()["documents"]["exploration_report"]

    assert digest == hashlib.sha256(REPORT).hexdigest()
    assert client.get(f"/papers/{digest}").content == REPORT
    assert client.get(f"/papers/{digest[::-1]}").status_code == 404


def test_content_of_a_refused_document(client: TestClient) -> None:
    """A document from somebody who may not attach any is not kept."""
    answer = client.put(f"{DEAL}/documents/exploration_report", content=REPORT, headers=COUNCIL | {"X-Roles": "press"})

    assert answer.status_code == 403
    assert client.get(f"/papers/{hashlib.sha256(REPORT).hexdigest()}").status_code == 404


def test_not_permitted(client: TestClient) -> None:
    """Who may not is told who may, and what else is in the way."""
    answer = client.post(f"{DEAL}/moves", json=letter(), headers=COUNCIL)

    assert (answer.status_code, answer.json()["roles"]) == (403, ["mayor"])
    assert len(answer.json()["unmet"]) == 2


def test_seen_version(client: TestClient) -> None:
    """Who says which version they saw acts on that one, or not at all."""
    stale = client.get(DEAL).headers["ETag"]
    ready(client)
    fact = {"value": 1, "source": "guess"}
    answer = client.put(f"{DEAL}/facts/cost", json=fact, headers={"If-Match": stale})
    odd = client.put(f"{DEAL}/facts/cost", json=fact, headers={"If-Match": "what I saw"})
    right = client.put(f"{DEAL}/facts/cost", json=fact, headers={"If-Match": client.get(DEAL).headers["ETag"]})

    assert (answer.status_code, answer.json()["version"]) == (412, 3)
    assert odd.status_code == 412
    assert right.status_code == 200


def test_at_once(client: TestClient, app: FastAPI) -> None:
    """Of eight who act at once on what they saw, one moves it and enters a letter; the others are told so."""
    ready(client)
    seen = {"If-Match": client.get(DEAL).headers["ETag"]}

    def attempt(k: int) -> int:
        return client.post(f"{DEAL}/moves", json=letter(f"{k}/2026"), headers=seen).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(attempt, range(8)))

    assert answers == [200, *[412] * 7]
    assert len(letters(app)) == 1
    assert kinds(client) == ["started", "attached", "recorded", "moved"]


def test_repeated(client: TestClient, app: FastAPI) -> None:
    """A request that is repeated under its key is answered as the first time, with one event and one letter."""
    ready(client)
    key = {"Idempotency-Key": "f3b0"}
    first = client.post(f"{DEAL}/moves", json=letter(), headers=key)
    again = client.post(f"{DEAL}/moves", json=letter(), headers=key)
    other = client.put(f"{DEAL}/documents/exploration_report", content=b"other", headers=key)

    assert first.json() == again.json()
    assert len(letters(app)) == 1
    assert kinds(client)[3:] == ["moved"]
    assert other.status_code == 422


def test_errors(client: TestClient) -> None:
    """What is not there, there already, or not possible is said so."""
    new = {"id": "bekasi-izumisano", "title": "Again", "parties": []}
    back = {"move": "send_back", "to": "nowhere", "reason": "no", "letter": letter()["letter"]}

    assert client.get("/agreements/nobody").status_code == 404
    assert client.post("/agreements", json=new).status_code == 409
    assert client.post(f"{DEAL}/moves", json=back).status_code == 409
    assert client.post("/agreements", json=new | {"id": ""}).status_code == 400


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_unknown(client: TestClient, app: FastAPI) -> None:
    """Where the server goes away at the commit, nobody knows; the client is told so, asks later, and repeats."""
    ready(client)
    office: Office = app.state.office

    def cut(session: Session) -> None:
        pid = session.connection().connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
        with office.database.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})

    event.listen(Session, "before_commit", cut, once=True)
    key = {"Idempotency-Key": "f3b0"}
    answer = client.post(f"{DEAL}/moves", json=letter(), headers=key)

    assert (answer.status_code, answer.json()["request_id"]) == (503, "f3b0")
    assert client.get("/requests/f3b0").status_code == 404
    assert letters(app) == []
    assert client.post(f"{DEAL}/moves", json=letter(), headers=key).status_code == 200
    assert client.get("/requests/f3b0").json()["stage"] == "council"
    assert len(letters(app)) == 1


def test_asked_for_later(client: TestClient) -> None:
    """What became of a request can be asked for: done, refused, or never heard of."""
    client.post(f"{DEAL}/moves", json=letter(), headers={"Idempotency-Key": "refused"})
    client.put(f"{DEAL}/documents/exploration_report", content=REPORT, headers={"Idempotency-Key": "done"})

    assert client.get("/requests/done").json()["version"] == 3
    refused = client.get("/requests/refused").json()
    assert [why["code"] for why in refused["unmet"]] == ["document.missing", "fact.missing"]
    assert client.get("/requests/unknown").status_code == 404
