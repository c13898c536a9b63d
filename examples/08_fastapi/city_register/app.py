"""
The views. Those that write rows of the office with a move are plain functions, which FastAPI runs in worker threads.

The others await the engine. All of them share one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Annotated, Any, Literal

import attrs
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stagegate import Actor, Agreement, Document, Engine, Party, Process, StagegateError

from .answers import brief, language, option, refusal
from .office import Letter, Office, Paper


class NewAgreement(BaseModel):
    """What an agreement begins with."""

    id: str
    title: str
    parties: list[str]


class NewLetter(BaseModel):
    """The letter by which the partner is told."""

    number: str
    subject: str


class Move(BaseModel):
    """A move through the stages, and its letter."""

    move: Literal["advance", "send_back"]
    to: str = ""
    reason: str = ""
    letter: NewLetter


class Vote(BaseModel):
    """A vote."""

    vote: Literal["approve", "refuse"]
    reason: str = ""


class Fact(BaseModel):
    """A fact, and where it comes from."""

    value: bool | int | str
    source: str


def acting(x_actor: Annotated[str, Header()], x_roles: Annotated[str, Header()] = "") -> Actor:
    """
    Return who acts.

    The headers stand for whatever your sign-in hands over. Accept them from your own proxy only: whoever can write them
    is whoever they say.
    """
    return Actor(id=x_actor, roles={role.strip() for role in x_roles.split(",") if role.strip()})


class Call:
    """What every view needs to know of a request, and how it answers."""

    def __init__(
        self,
        request: Request,
        response: Response,
        if_match: Annotated[str | None, Header()] = None,
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> None:
        """Take the request apart."""
        self.office: Office = request.app.state.office
        self.lang = language(request)
        self.key = idempotency_key
        self._match = if_match
        self._response = response

    def transaction(self) -> AbstractContextManager[tuple[Session, Engine]]:
        """Begin a transaction for our rows and for events."""
        return self.office.transaction(self.key)

    def seen(self, engine: Engine, agreement: str) -> Agreement | str:
        """Return what to hand to the engine: the agreement at the version the client saw, if it says which."""
        return agreement if self._match is None else self._at(engine.get(agreement))

    async def seen_awaited(self, agreement: str) -> Agreement | str:
        """Return the same, without holding up the event loop."""
        return agreement if self._match is None else self._at(await self.office.awaited.get(agreement))

    def _at(self, agreement: Agreement) -> Agreement:
        found = re.fullmatch(r'(?:W/)?"(\d{1,15})"', self._match or "")
        return attrs.evolve(agreement, version=int(found[1]) if found else 0)

    def answer(self, agreement: Agreement, process: Process) -> dict[str, Any]:
        """Answer with an agreement, and its version as ETag."""
        self._response.headers["ETag"] = f'"{agreement.version}"'
        self._response.headers["Content-Language"] = self.lang
        return brief(process, agreement, self.lang)


async def content(request: Request) -> bytes:
    """Return the body as it came."""
    return await request.body()


By = Annotated[Actor, Depends(acting)]
Asked = Annotated[Call, Depends()]


def create_app(url: str = "sqlite:///register.db") -> FastAPI:
    """Return the application, on the database at *url*."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.office = office = await asyncio.to_thread(Office, url)
        yield
        await office.close()

    app = FastAPI(title="Register of cooperation agreements", lifespan=lifespan)
    app.add_exception_handler(StagegateError, refusal)
    app.add_exception_handler(IntegrityError, taken)
    app.get("/agreements")(listing)
    app.post("/agreements", status_code=201)(start)
    app.get("/agreements/{agreement}")(show)
    app.get("/agreements/{agreement}/history")(history)
    app.put("/agreements/{agreement}/documents/{kind}")(upload)
    app.put("/agreements/{agreement}/facts/{name}")(record)
    app.post("/agreements/{agreement}/votes")(vote)
    app.post("/agreements/{agreement}/moves")(move)
    app.get("/papers/{digest}")(paper)
    app.get("/requests/{request_id}")(outcome)
    return app


def taken(_request: Request, _error: Exception) -> JSONResponse:
    """Answer that a row of ours cannot be written; the move that it belongs to was not made either."""
    body = {"error": "Taken", "message": "this number stands in the register of letters already; nothing was done"}
    return JSONResponse(body, status_code=409)


async def listing(call: Asked, after: str | None = None, stage: str | None = None) -> dict[str, Any]:
    """List the agreements, page by page."""
    engine = call.office.awaited
    page = await engine.find(after=after, stage=stage)
    return {"items": [brief(await engine.process(one), one, call.lang) for one in page.items], "next": page.next}


async def show(agreement: str, call: Asked, by: By) -> dict[str, Any]:
    """Show an agreement, what this actor could do with it, and every reason why not."""
    engine = call.office.awaited
    deal = await engine.get(agreement)
    return {
        **call.answer(deal, await engine.process(deal)),
        "documents": {kind: document.digest for kind, document in deal.documents.items()},
        "moves": [option(one, call.lang) for one in await engine.options(deal, by=by)],
    }


async def history(agreement: str, call: Asked) -> list[dict[str, Any]]:
    """Tell what happened, refused attempts included."""
    return [
        {"n": event.n, "kind": event.kind, "move": event.move, "actor": event.actor, "at": event.at}
        for event in await call.office.awaited.history(agreement)
    ]


async def start(new: NewAgreement, call: Asked, by: By) -> dict[str, Any]:
    """Start an agreement."""
    engine = call.office.awaited
    parties = [Party(party) for party in new.parties]
    given: dict[str, Any] = {"title": new.title, "parties": parties, "by": by, "request_id": call.key}
    deal = await engine.start("city-cooperation", new.id, **given)
    return call.answer(deal, await engine.process(deal))


async def record(agreement: str, name: str, fact: Fact, call: Asked, by: By) -> dict[str, Any]:
    """Record a fact."""
    engine, on = call.office.awaited, await call.seen_awaited(agreement)
    deal = await engine.record(on, name, fact.value, source=fact.source, by=by, request_id=call.key)
    return call.answer(deal, await engine.process(deal))


async def vote(agreement: str, ballot: Vote, call: Asked, by: By) -> dict[str, Any]:
    """Vote on an agreement as it stands."""
    engine, on = call.office.awaited, await call.seen_awaited(agreement)
    if ballot.vote == "approve":
        deal = await engine.approve(on, reason=ballot.reason, by=by, request_id=call.key)
    else:
        deal = await engine.refuse(on, ballot.reason, by=by, request_id=call.key)
    return call.answer(deal, await engine.process(deal))


def upload(
    agreement: str, kind: str, body: Annotated[bytes, Depends(content)], call: Asked, by: By, title: str = ""
) -> dict[str, Any]:
    """Take a document: its content into our table, its digest into the history, both or neither."""
    document = Document.from_bytes(body, kind=kind, title=title)
    with call.transaction() as (session, engine):
        deal = engine.attach(call.seen(engine, agreement), document, by=by, request_id=call.key)
        session.merge(Paper(digest=document.digest, content=body))
    return call.answer(deal, call.office.engine.process(deal))


def move(agreement: str, wanted: Move, call: Asked, by: By) -> dict[str, Any]:
    """Move an agreement, and enter the letter that tells so: one transaction."""
    with call.transaction() as (session, engine):
        on = call.seen(engine, agreement)
        if wanted.move == "advance":
            deal = engine.advance(on, reason=wanted.reason, by=by, request_id=call.key)
        else:
            deal = engine.send_back(on, wanted.to, wanted.reason, by=by, request_id=call.key)
        # A repetition is answered as the first time, and then the letter is there.
        if session.scalar(select(Letter).filter_by(agreement=deal.id, n=deal.n)) is None:
            line = wanted.letter
            session.add(Letter(number=line.number, agreement=deal.id, n=deal.n, subject=line.subject, clerk=by.id))
    return call.answer(deal, call.office.engine.process(deal))


def paper(digest: str, call: Asked) -> Response:
    """Hand out the content of a document."""
    with Session(call.office.database) as session:
        found = session.get(Paper, digest)
    if found is None:
        raise HTTPException(404, "there is no such paper")
    return Response(found.content, media_type="application/octet-stream")


async def outcome(request_id: str, call: Asked) -> dict[str, Any]:
    """Say what became of a request whose outcome was unknown; a refusal is answered as it would have been."""
    deal = await call.office.awaited.resolve(request_id)
    if deal is None:
        raise HTTPException(404, "it never happened; ask for it again")
    return call.answer(deal, await call.office.awaited.process(deal))
