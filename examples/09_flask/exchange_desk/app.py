"""The pages. A form carries the version that was shown, and an id by which it counts once however often it is sent."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from io import BytesIO
from typing import Any

import attrs
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    session,
    url_for,
)
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import NotFound as NoPage
from werkzeug.wrappers import Response as Answer

from stagegate import (
    Actor,
    Agreement,
    AlreadyExists,
    Conflict,
    Document,
    Engine,
    GateClosed,
    InvalidValue,
    NoSuchMove,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    Party,
    RefusedError,
    RequestReused,
    StagegateError,
    StoreError,
)

from .desk import CASE_FILE, PAPER, Desk, keep, note

PROCESS = "kr-sister"
LANGUAGES = ("en", "id", "ja")

STATUS: dict[type[StagegateError], HTTPStatus] = {
    # The first that fits counts.
    GateClosed: HTTPStatus.CONFLICT,
    NotPermitted: HTTPStatus.FORBIDDEN,
    NoSuchMove: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.PRECONDITION_FAILED,
    AlreadyExists: HTTPStatus.CONFLICT,
    NotFound: HTTPStatus.NOT_FOUND,
    RequestReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidValue: HTTPStatus.BAD_REQUEST,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
}

pages = Blueprint("pages", __name__)


def create_app(url: str = "sqlite:///desk.db", *, secret: str | None = None) -> Flask:
    """
    Return the application.

    Args:
        url: Where the database is.

        secret: What sessions are signed with; a new one if it is not given, and then they end with the program.
    """
    app = Flask(__name__)
    app.config.update(SECRET_KEY=secret or uuid.uuid4().hex, SESSION_COOKIE_SAMESITE="Strict")
    app.extensions["desk"] = Desk(url)
    app.register_blueprint(pages)
    app.register_error_handler(StagegateError, refusal)
    app.register_error_handler(IntegrityError, taken)
    return app


def desk() -> Desk:
    """Return the desk of this application."""
    found: Desk = current_app.extensions["desk"]
    return found


def lang() -> str:
    """Return the language among ours that the reader likes best."""
    return request.accept_languages.best_match(LANGUAGES, "en")


def acting() -> Actor:
    """Return who acts: whoever has signed in."""
    return Actor(id=session.get("account", "nobody"), roles=session.get("roles", []))


def key() -> str | None:
    """Return the id that the form, or a program, sends along."""
    return request.headers.get("Idempotency-Key") or request.form.get("request_id") or None


def seen(engine: Engine, agreement: str) -> Agreement | str:
    """Return what to hand to the engine: the agreement at the version that was shown, if it is said which."""
    said = request.headers.get("If-Match", "").strip('W/"') or request.form.get("version", "")
    if not said:
        return agreement
    return attrs.evolve(engine.get(agreement), version=int(said) if said.isdecimal() else 0)


def shown(agreement: Agreement) -> Answer:
    """Go back to the page of an agreement."""
    return redirect(url_for("pages.show", agreement=agreement.id), HTTPStatus.SEE_OTHER)


def refusal(error: StagegateError) -> Response:
    """Answer an error: a refusal with every reason, in the language of the reader."""
    status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    reasons = error.unmet if isinstance(error, RefusedError) else ()
    unknown = error.request_id if isinstance(error, OutcomeUnknown) else None
    page = render_template("refused.html", error=error, reasons=reasons, unknown=unknown, lang=lang())
    response = make_response(page, status)
    response.headers["Content-Language"] = lang()
    return response


def taken(_error: IntegrityError) -> Response:
    """Answer that a row of ours cannot be written; the event that it belongs to was not written either."""
    said = "there is a case file of this number already; nothing was done"
    return make_response(render_template("refused.html", error=said, reasons=(), unknown=None, lang=lang()), 409)


@pages.post("/sign-in")
def sign_in() -> Answer:
    """
    Take the account and the roles from a form.

    This stands for your sign-in. There, an account proves who it is, and its roles come from a directory.
    """
    session["account"], session["roles"] = request.form["account"], request.form.getlist("role")
    return redirect(url_for("pages.listing"), HTTPStatus.SEE_OTHER)


@pages.get("/")
def listing() -> str:
    """List the agreements, page by page."""
    engine = desk().engine
    page = engine.find(after=request.args.get("after"), text=request.args.get("text"))
    labels = {one.id: engine.process(one).standing(one.stage).label.text(lang()) for one in page.items}
    return render_template("listing.html", page=page, labels=labels, form=uuid.uuid4(), lang=lang())


@pages.get("/agreements/<agreement>")
def show(agreement: str) -> Response:
    """Show an agreement: where it stands, what can be done, and every reason why not."""
    engine = desk().engine
    deal = engine.get(agreement)
    with desk().database.connect() as connection:
        file = connection.execute(select(CASE_FILE).filter_by(agreement=deal.id)).first()
    page = render_template(
        "agreement.html",
        deal=deal,
        file=file,
        stage=engine.process(deal).standing(deal.stage),
        options=engine.options(deal, by=acting()),
        events=engine.history(deal),
        form=uuid.uuid4(),
        lang=lang(),
    )
    response = make_response(page)
    response.set_etag(str(deal.version))
    response.headers["Content-Language"] = lang()
    return response


@pages.post("/agreements")
def start() -> Answer:
    """Start an agreement and open its case file: one transaction."""
    form = request.form
    parties = [Party(party) for party in form.getlist("party")]
    with desk().transaction(key()) as (connection, engine):
        deal = engine.start(PROCESS, form["id"], title=form["title"], parties=parties, by=acting(), request_id=key())
        if connection.execute(select(CASE_FILE).filter_by(agreement=deal.id)).first() is None:
            file = {"agreement": deal.id, "number": form["number"], "clerk": acting().id}
            connection.execute(insert(CASE_FILE).values(**file))
        note(connection, deal, acting().id, request.remote_addr or "")
    return shown(deal)


@pages.post("/agreements/<agreement>/documents")
def upload(agreement: str) -> Answer:
    """Take a document: its content into our table, its digest into the history, both or neither."""
    file = request.files["file"]
    content = file.read()
    document = Document.from_bytes(content, kind=request.form["kind"], title=request.form.get("title", ""))
    with desk().transaction(key()) as (connection, engine):
        deal = engine.attach(seen(engine, agreement), document, by=acting(), request_id=key())
        keep(connection, document.digest, file.filename or document.kind, content)
        note(connection, deal, acting().id, request.remote_addr or "")
    return shown(deal)


@pages.get("/papers/<digest>")
def paper(digest: str) -> Response:
    """Hand out the content of a document."""
    with desk().database.connect() as connection:
        found = connection.execute(select(PAPER).filter_by(digest=digest)).first()
    if found is None:
        raise NoPage
    return send_file(BytesIO(found.content), "application/octet-stream", as_attachment=True, download_name=found.name)


@pages.post("/agreements/<agreement>/votes")
def vote(agreement: str) -> Answer:
    """Vote on an agreement as it was shown."""
    with desk().transaction(key()) as (connection, engine):
        on, reason = seen(engine, agreement), request.form.get("reason", "")
        if request.form["vote"] == "approve":
            deal = engine.approve(on, reason=reason, by=acting(), request_id=key())
        else:
            deal = engine.refuse(on, reason, by=acting(), request_id=key())
        note(connection, deal, acting().id, request.remote_addr or "")
    return shown(deal)


@pages.post("/agreements/<agreement>/moves")
def move(agreement: str) -> Answer:
    """Move an agreement."""
    form = request.form
    with desk().transaction(key()) as (connection, engine):
        on, reason = seen(engine, agreement), form.get("reason", "")
        given: dict[str, Any] = {"by": acting(), "request_id": key()}
        match form["move"]:
            case "send_back":
                deal = engine.send_back(on, form["target"], reason, **given)
            case "hold":
                deal = engine.hold(on, reason, **given)
            case "resume":
                deal = engine.resume(on, reason=reason, **given)
            case "end":
                deal = engine.end(on, form["target"], reason, **given)
            case _:
                deal = engine.advance(on, reason=reason, **given)
        note(connection, deal, acting().id, request.remote_addr or "")
    return shown(deal)


@pages.get("/requests/<request_id>")
def outcome(request_id: str) -> Answer:
    """Say what became of a form whose outcome was unknown; a refusal is answered as it would have been."""
    deal = desk().engine.resolve(request_id)
    if deal is None:
        raise NoPage(description="It never happened; send the form again.")
    return shown(deal)
