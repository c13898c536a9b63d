"""The case book of a region's cooperation team, asked as its pages ask it."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

REPORT = b"%PDF what was explored"
FIELDS = ("opportunities", "regional_benefit", "national_benefit", "complementarity", "people_to_people")
NUMBERS = itertools.count(1)


def open_django() -> None:
    """Set Django up, once; the time zone of this process stays what it was."""
    import django

    zone = os.environ.get("TZ")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "casebook.settings")
    django.setup()
    os.environ.pop("TZ", None)
    if zone is not None:
        os.environ["TZ"] = zone
    time.tzset()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Point Django at an empty place, a file or a database of a real server, and make its tables."""
    open_django()
    from casebook import register, settings
    from django.conf import settings as live
    from django.core.management import call_command
    from django.db import connections

    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        url = server.url(server.create())
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('casebook')}/casebook.db"
    connections["default"].close()
    del connections["default"]
    # Django reads its settings once; here it is pointed elsewhere.
    connections.settings = connections.configure_settings({"default": settings.database(url)})
    live.STAGEGATE_URL = settings.histories(url)
    call_command("migrate", verbosity=0)
    yield request.param
    register.engine().close()
    register.engine.cache_clear()
    connections["default"].close()


class Office:
    """What a test does, as one of the people of the office."""

    def __init__(self) -> None:
        """Sign in whoever leads the region, and start an agreement."""
        from django.test import Client

        self.client = Client()
        self.deal = f"bekasi-{next(NUMBERS)}"
        self.url = f"/agreements/{self.deal}/"
        self.sign_in("head_of_region")
        started = self.post("/agreements/", {"id": self.deal, "title": "Bekasi", "parties": ["bekasi", "izumisano"]})
        assert started.status_code == 201, started.json()

    def sign_in(self, *roles: str) -> None:
        """Sign in somebody who is in these groups."""
        from django.contrib.auth.models import Group, User

        user, _ = User.objects.get_or_create(username="-".join(roles) or "nobody")
        user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
        self.client.force_login(user)

    def post(self, url: str, body: dict[str, Any], **headers: str) -> Any:
        """Post something."""
        return self.client.post(url, body, "application/json", headers=headers)

    def put(self, url: str, body: dict[str, Any] | bytes, **headers: str) -> Any:
        """Put something."""
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        return self.client.put(url, body, kind, headers=headers)

    def get(self, url: str = "", **headers: str) -> Any:
        """Get something; the agreement, if nothing else is asked for."""
        return self.client.get(url or self.url, headers=headers)

    def advance(self, **headers: str) -> Any:
        """Try to advance."""
        return self.post(f"{self.url}moves/", {"move": "advance"}, **headers)

    def ready(self) -> None:
        """Bring what the first gate asks for."""
        facts = {
            "origin": "own",
            "diplomatic_relations": True,
            "counterpart_kind": "foreign_local_government",
            "equal_administrative_status": True,
        }
        for name, value in facts.items():
            assert self.put(f"{self.url}facts/{name}/", {"value": value, "source": "file 7"}).status_code == 200
        fields = "&".join(f"{field}=yes" for field in FIELDS)
        for paper in ("initiative_letter/", f"exploration_report/?{fields}"):
            assert self.put(f"{self.url}documents/{paper}", REPORT).status_code == 200

    def tasks(self) -> list[tuple[str, int, int | None]]:
        """Return the tasks of this agreement, closed ones too."""
        from casebook.models import Task

        found = Task.objects.filter(agreement=self.deal).order_by("since")
        return list(found.values_list("role", "since", "done"))

    def kinds(self) -> list[str]:
        """Return what happened."""
        return [event["kind"] for event in self.get(f"{self.url}history/").json()["events"]]


@pytest.fixture
def office(place: str) -> Office:  # noqa: ARG001  it is there before
    """Open the office."""
    return Office()


def test_list(office: Office) -> None:
    """The list says where each agreement stands and whose turn it is, in the language of the reader."""
    page = office.get(f"/agreements/?text={office.deal}", **{"Accept-Language": "id, en;q=0.5"}).json()
    (found,) = page["items"]

    assert found["stage_label"] == "Prakarsa dan penjajakan awal"
    assert found["turn_of"] == ["head_of_region"]


def test_nobody_signed_in(office: Office) -> None:
    """Whoever has not signed in is sent to do so."""
    office.client.logout()

    assert office.get().status_code == 302
    assert office.advance().status_code == 302


@pytest.mark.parametrize(
    "lang, said",
    [("en", "Initiative letter: "), ("id", "Surat prakarsa: "), ("ja", "発意に係る書簡：")],
)
def test_refused(office: Office, lang: str, said: str) -> None:
    """A shut gate is a 409 with every reason, the same that the page shows; it stays in the history, and tasks stay."""
    shown = office.get(**{"Accept-Language": lang}).json()
    (advance,) = (move for move in shown["moves"] if move["move"] == "advance")
    before = office.tasks()
    answer = office.advance(**{"Accept-Language": lang})
    texts = [why["text"] for why in answer.json()["unmet"]]

    assert (answer.status_code, advance["open"]) == (409, False)
    assert answer.headers["Content-Language"] == lang
    assert texts == [why["text"] for why in advance["why_not"]]
    assert [text for text in texts if text.startswith(said)]
    assert office.kinds() == ["started", "refused"]
    assert before == office.tasks() == [("head_of_region", 1, None)]


def test_move_and_tasks(office: Office) -> None:
    """A move closes the task it was and opens the next one, together."""
    office.ready()
    answer = office.advance()
    n = len(office.kinds())

    assert (answer.status_code, answer.json()["stage"]) == (200, "statement_of_intent")
    assert office.tasks() == [("head_of_region", 1, n), ("head_of_region", n, None)]
    assert {"agreement": office.deal, "role": "head_of_region", "since": n} in office.get("/tasks/").json()["tasks"]


def test_no_task_no_move(office: Office, place: str) -> None:
    """Where the next task cannot be written, the move was not made, and the task before it is open still."""
    from django.db import connection

    office.ready()
    before = office.tasks(), office.kinds()
    with connection.cursor() as cursor:
        if place == "sqlite":
            cursor.execute(
                "CREATE TRIGGER full BEFORE INSERT ON casebook_task BEGIN SELECT RAISE(ABORT, 'the tray is full'); END"
            )
        else:
            cursor.execute("ALTER TABLE casebook_task ADD CONSTRAINT full_tray CHECK (since < 3) NOT VALID")
    try:
        answer = office.advance()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "DROP TRIGGER full" if place == "sqlite" else "ALTER TABLE casebook_task DROP CONSTRAINT full_tray"
            )

    assert (answer.status_code, answer.json()["error"]) == (409, "Taken")
    assert before == (office.tasks(), office.kinds())
    assert office.get().json()["stage"] == "exploration"


def test_no_start_no_task(office: Office) -> None:
    """Where an agreement cannot be started, there is no task."""
    from casebook.models import Task

    count = Task.objects.count()
    again = office.post("/agreements/", {"id": office.deal})
    office.sign_in("press")
    foreign = office.post("/agreements/", {"id": f"{office.deal}-2"})

    assert (again.status_code, foreign.status_code) == (409, 403)
    assert Task.objects.count() == count


def test_end(office: Office) -> None:
    """An agreement that has ended leaves nothing to do."""
    answer = office.post(f"{office.url}moves/", {"move": "end", "to": "withdrawn", "reason": "given up"})

    assert (answer.status_code, answer.json()["outcome"]) == (200, "withdrawn")
    assert office.tasks() == [("head_of_region", 1, 2)]


def test_send_back(office: Office) -> None:
    """It can go back a stage, and its task with it."""
    office.ready()
    office.advance()
    answer = office.post(f"{office.url}moves/", {"move": "send_back", "to": "exploration", "reason": "unclear"})

    assert answer.json()["stage"] == "exploration"
    assert len(office.tasks()) == 3


def test_votes(office: Office) -> None:
    """Where nobody is asked for a vote, a vote is refused, whoever casts it."""
    for vote in ("approve", "refuse"):
        answer = office.post(f"{office.url}votes/", {"vote": vote, "reason": "as I see it"})

        assert answer.status_code in {403, 409}


def test_content_of_a_document(office: Office) -> None:
    """What is uploaded is kept by the office, once, and found by the digest that the history has."""
    office.put(f"{office.url}documents/initiative_letter/?title=A%20letter", REPORT)
    digest = office.get().json()["documents"]["initiative_letter"]

    assert digest == hashlib.sha256(REPORT).hexdigest()
    assert office.get(f"/papers/{digest}/").content == REPORT
    assert office.get("/papers/0/").status_code == 404


def test_content_of_a_refused_document(office: Office) -> None:
    """A document from somebody who may not attach any is not kept."""
    office.sign_in("press")
    answer = office.put(f"{office.url}documents/initiative_letter/", b"leaked")

    assert (answer.status_code, answer.json()["error"]) == (403, "NotPermitted")
    assert office.get(f"/papers/{hashlib.sha256(b'leaked').hexdigest()}/").status_code == 404


def test_seen_version(office: Office) -> None:
    """Who says which version they saw acts on that one, or not at all."""
    stale = office.get().headers["ETag"]
    fact = {"value": "own", "source": "file 7"}
    first = office.put(f"{office.url}facts/origin/", fact, **{"If-Match": stale})
    answer = office.put(f"{office.url}facts/origin/", fact, **{"If-Match": stale})
    odd = office.put(f"{office.url}facts/origin/", fact, **{"If-Match": "what I saw"})

    assert first.status_code == 200
    assert (answer.status_code, answer.json()["version"]) == (412, 2)
    assert odd.status_code == 412


def test_at_once(office: Office) -> None:
    """Of eight who act at once on what they saw, one moves it and hands on the task; the others are told so."""
    from django.db import connection

    office.ready()
    seen = {"If-Match": office.get().headers["ETag"]}

    def attempt(_: int) -> int:
        try:
            status: int = office.advance(**seen).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(attempt, range(8)))

    assert answers == [200, *[412] * 7]
    assert office.kinds().count("moved") == 1
    assert len(office.tasks()) == 2


def test_repeated(office: Office) -> None:
    """A request that is repeated under its key is answered as the first time, and handed on once."""
    office.ready()
    key = {"Idempotency-Key": f"{office.deal}-1"}
    first, again = office.advance(**key), office.advance(**key)
    other = office.put(f"{office.url}facts/origin/", {"value": "x"}, **key)

    assert first.json() == again.json()
    assert len(office.tasks()) == 2
    assert office.kinds().count("moved") == 1
    assert other.status_code == 422


def test_asked_for_later(office: Office) -> None:
    """What became of a request can be asked for: done, refused, or never heard of."""
    office.advance(**{"Idempotency-Key": f"{office.deal}-refused"})
    office.put(f"{office.url}documents/initiative_letter/", REPORT, **{"Idempotency-Key": f"{office.deal}-done"})

    assert office.get(f"/requests/{office.deal}-done/").json()["version"] == 3
    assert office.get(f"/requests/{office.deal}-refused/").status_code == 409
    assert office.get("/requests/unknown/").status_code == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"move": "fly"}'])
def test_bad_requests(office: Office, body: bytes) -> None:
    """A body that says nothing that can be done is refused."""
    answer = office.client.post(f"{office.url}moves/", body, "application/json")

    assert (answer.status_code, answer.json()["error"]) == (400, "InvalidValue")


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
def test_unknown(office: Office) -> None:
    """Where the server goes away at the commit, nobody knows; the client is told so, asks later, and repeats."""
    from casebook.register import transaction
    from django.db import connection, connections

    from stagegate import Actor, OutcomeUnknown

    mayor = Actor(id="tri", roles={"head_of_region"})

    def seen() -> Iterator[None]:
        with transaction("f3b0") as joined:
            joined.note(office.deal, "seen", by=mayor, request_id="f3b0")
            yield

    cut = seen()
    next(cut)
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [connection.connection.info.backend_pid])
    other.close()
    with pytest.raises(OutcomeUnknown) as unknown:
        next(cut)
    connection.close()

    assert unknown.value.request_id == "f3b0"
    assert office.get("/requests/f3b0/").status_code == 404
    assert list(seen()) == [None]
    assert office.get("/requests/f3b0/").status_code == 200
