"""What Temporal watches over, on a real server: it is told what a commit has changed, and the store says the rest."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stagegate import Engine
from stagegate.contrib.temporal._asking import connected, look, look_at_all
from stagegate.contrib.temporal._syncing import sync, watched
from stagegate.contrib.temporal._workflows import AGREEMENT, NOTIFICATION
from stagegate.contrib.temporal._working import patrol
from stagegate.testing import ManualClock

from .scene import BOSS, DESK, PROCESS, Ahead, Office, Server, council, in_a_loop, planned, timers, until_async

PAST = datetime(2025, 1, 6, 9, tzinfo=UTC)


def kinds(engine: Engine, agreement: str = "deal") -> list[str]:
    """Return the kinds of the events of an agreement."""
    return [event.kind for event in engine.history(agreement)]


@in_a_loop
async def test_what_is_told_is_delivered(office: Office) -> None:
    """What a move is to tell is delivered by a worker, once, and nothing watches over it any more."""
    with office.open() as engine:
        async with office.at_work(engine) as client:
            engine.start("wait", "deal", by=BOSS)
            await until_async("delivery", lambda: not office.pending(engine))
            await office.watches(client)

    assert len(office.channel.got) == 1


@in_a_loop
async def test_move_needs_no_worker(office: Office) -> None:
    """What was told while no worker was there is done by the first one that comes."""
    with office.open() as engine:
        council(engine)
        assert office.channel.got == []
        async with office.at_work(engine) as client:
            await until_async("delivery", lambda: not office.pending(engine))
            await office.watches(client, (AGREEMENT, "deal"))


@in_a_loop
async def test_due_date_is_met(office: Office) -> None:
    """A date that comes while everybody waits is met by its timer, and the next is waited for."""
    office.clock = ManualClock(datetime.now(UTC))
    with office.open(kind=Ahead) as engine:
        assert isinstance(engine, Ahead)
        due = council(engine).wakes_at
        assert due is not None
        # As if the weeks were over until three seconds before the reminder.
        engine.ahead = due - datetime.now(UTC) - timedelta(seconds=3)
        office.clock.set(due - timedelta(seconds=3))
        async with office.at_work(engine):
            await until_async("all is told", lambda: not office.pending(engine))
            assert "reminded" not in kinds(engine)
            office.clock.set(due)
            await until_async("the reminder", lambda: "reminded" in kinds(engine))


@in_a_loop
async def test_second_firing_does_nothing(office: Office) -> None:
    """Who is woken twice, or in vain, reads the store and writes nothing."""
    office.clock = ManualClock(PAST)
    with office.open() as engine:
        council(engine)
        office.clock.set(datetime.now(UTC))
        async with office.at_work(engine) as client:
            await until_async("all that is due", lambda: "overdue" in kinds(engine) and not office.pending(engine))
            before, told = kinds(engine), list(office.channel.got)
            row = engine.outbox("delivered")[0].notification.id
            for _ in range(3):
                for thing in ((AGREEMENT, "deal"), (NOTIFICATION, row), (AGREEMENT, "nobody"), (NOTIFICATION, "0")):
                    await look(client, office.address, *thing)
            await office.watches(client)

        assert (before, told) == (kinds(engine), office.channel.got)
        assert engine.verify().ok


@in_a_loop
async def test_end_of_an_agreement_ends_its_timer(office: Office) -> None:
    """When an agreement ends before its date, nothing waits for that any more."""
    with office.open() as engine:
        async with office.at_work(engine) as client:
            council(engine)
            await until_async("a timer", lambda: watched(client, office.address))
            engine.end("deal", "dropped", by=BOSS)
            await office.watches(client)

        assert "ended" not in kinds(engine)


@in_a_loop
async def test_date_that_moves_is_waited_for(office: Office) -> None:
    """When a deadline begins anew, its timer waits for the new date, and nothing else does."""
    office.clock = ManualClock(datetime.now(UTC) - timedelta(days=20))
    with office.open() as engine:
        async with office.at_work(engine) as client:
            handle = client.get_workflow_handle(office.address.id(AGREEMENT, "deal"))

            async def waits_for(date: datetime | None) -> bool:
                """Compare."""
                assert date is not None
                at = await planned(handle)
                return at is not None and abs(at - date) < timedelta(seconds=1)

            first = council(engine).wakes_at
            await until_async("a timer", lambda: waits_for(first))
            engine.send_back("deal", "plan", "again", by=DESK)
            office.clock.set(datetime.now(UTC))
            second = engine.advance("deal", by=BOSS).wakes_at
            await until_async("the new date", lambda: waits_for(second))
            await until_async("delivery", lambda: not office.pending(engine))
            await office.watches(client, (AGREEMENT, "deal"))

        assert first != second


@in_a_loop
async def test_failed_delivery_waits_for_its_time(office: Office) -> None:
    """What could not be delivered is tried again when the outbox says so, and Temporal waits until then."""
    office.clock = ManualClock(datetime.now(UTC))
    office.channel.fails = 1
    with office.open() as engine:
        async with office.at_work(engine) as client:
            engine.start("wait", "deal", by=BOSS)
            (row,) = await until_async("the failure", lambda: [r for r in engine.outbox("pending") if r.tries])
            await office.watches(client, (NOTIFICATION, row.notification.id))
            # Told again, it looks, and sees that it is too early.
            handle = client.get_workflow_handle(office.address.id(NOTIFICATION, row.notification.id))
            await until_async("a timer", lambda: timers(handle))
            await look(client, office.address, NOTIFICATION, row.notification.id)
            both = await until_async("another", lambda: _several_timers(handle))
            assert all(abs(at - row.due_at) < timedelta(seconds=1) for at in both[:2])
            assert (row,) == engine.outbox("pending")
            # Somebody else delivers it, and it ends by itself.
            engine.requeue()
            office.clock.set(row.due_at)
            assert engine.deliver().delivered == 1
            await look(client, office.address, NOTIFICATION, row.notification.id)
            await office.watches(client)

    assert office.channel.got == [row.notification.id]


async def _several_timers(handle: Any) -> list[datetime] | None:
    found = await timers(handle)
    return found if len(found) > 1 else None


@in_a_loop
async def test_dead_letter_is_left(office: Office) -> None:
    """What is given up is watched over no more; requeued, the next round finds it."""
    office.clock = ManualClock(datetime.now(UTC))
    with office.open() as engine:
        async with office.at_work(engine) as client:
            office.channel.fails = 99
            engine.start("wait", "deal", by=BOSS)
            (row,) = await until_async("the failure", lambda: [r for r in engine.outbox("pending") if r.tries])
            for _ in range(30):
                office.clock.advance(days=1)
                engine.deliver()
            assert engine.outbox("dead")
            await look(client, office.address, NOTIFICATION, row.notification.id)
            await office.watches(client)
            office.channel.fails = 0
            office.clock.set(datetime.now(UTC))
            assert engine.requeue() == 1
            assert await patrol(engine, client, office.address) == 1
            await until_async("delivery", lambda: engine.outbox("delivered"))


@in_a_loop
async def test_what_stands_in_the_way_is_logged(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """What no worker will deliver is told in its log: it is held, cannot be read, nobody has its channel, it was given up."""
    client = await connected(office.address)
    with office.open(wake=False) as engine:
        for name in ("damaged", "whole"):
            engine.start("wait", name, by=BOSS)
        ids = [told(engine, name) for name in ("damaged", "whole")]
        with contextlib.closing(sqlite3.connect(office.folder / "a.db")) as connection, connection:
            connection.execute("UPDATE outbox SET payload = x'00' WHERE id = ?", ids[:1])
        engine.hold_deliveries(why="a restore")
        await sync(engine, client, office.address)
        engine.release_deliveries()
        held, damaged = warned(caplog)
        assert held == "everything is held: a restore"
        assert f"{ids[0]} in the outbox cannot be read" in damaged

    caplog.clear()
    with Engine.open(office.db, processes=[PROCESS]) as deaf:
        async with office.at_work(deaf, client):
            for id_ in ids:
                await look(client, office.address, NOTIFICATION, id_)
            await until_async("two words", lambda: len(warned(caplog)) == 2)
        assert {damaged, "no plugin delivers to channel; run the worker with one that does"} == {*warned(caplog)}

    caplog.clear()
    office.channel.refuses = True
    with office.open() as engine:
        engine.start("wait", "refused", by=BOSS)
        row = told(engine, "refused")
        async with office.at_work(engine, client):
            await until_async("a word", lambda: warned(caplog))
        assert [f"{row}: it was given up; `stagegate outbox show` says why"] == warned(caplog)


def told(engine: Engine, agreement: str) -> str:
    """Return the id of the notification of an agreement."""
    (id_,) = (
        row.notification.id
        for row in engine.outbox("pending", readable=True)
        if row.notification.agreement == agreement
    )
    return id_


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was warned of."""
    return [record.getMessage() for record in caplog.records if record.name == "stagegate.temporal"]


@in_a_loop
async def test_held_delivery_is_left_until_it_is_released(office: Office) -> None:
    """What is held is watched over by nobody; released, the next round finds it."""
    with office.open() as engine:
        async with office.at_work(engine) as client:
            engine.hold_deliveries(why="a restore")
            engine.start("wait", "deal", by=BOSS)
            (row,) = engine.outbox("pending")
            await look(client, office.address, NOTIFICATION, row.notification.id)
            await office.watches(client)
            assert await patrol(engine, client, office.address) == 0
            engine.release_deliveries()
            engine.hold_deliveries("channel:boss", why="she is ill")
            assert await patrol(engine, client, office.address) == 0
            engine.release_deliveries("channel:boss")
            assert await patrol(engine, client, office.address) == 1
            await until_async("delivery", lambda: engine.outbox("delivered"))

    assert office.channel.got == [row.notification.id]


@in_a_loop
async def test_round_finds_what_was_not_told(office: Office) -> None:
    """What is due, and what nobody has told Temporal of, is found by a round; what is not due is left."""
    with office.open(wake=False) as engine:
        council(engine)
        async with office.at_work(engine) as client:
            assert await patrol(engine, client, office.address) == 2
            await until_async("delivery", lambda: not office.pending(engine))
            await office.watches(client)
            assert await patrol(engine, client, office.address) == 0


@in_a_loop
async def test_store_error_is_tried_again(office: Office) -> None:
    """A look that fails because the store does is made again, until it succeeds."""
    with office.open() as engine:
        swept = engine.sweep
        failures = [OSError("the disk is away"), OSError("the disk is away")]

        def sweep(**what: Any) -> Any:
            """Fail as often as was said."""
            if failures:
                raise failures.pop()
            return swept(**what)

        engine.sweep = sweep  # type: ignore[assignment, method-assign]
        async with office.at_work(engine) as client:
            council(engine)
            await until_async("a look that succeeds", lambda: not failures)
            await until_async("a timer", lambda: watched(client, office.address))


@in_a_loop
async def test_sync_rebuilds_everything(office: Office) -> None:
    """After all was lost, one sync has everything waited for; a second changes nothing; what is not wanted ends."""
    with office.open(wake=False) as engine:
        for number in range(7):
            council(engine, f"deal-{number}")
        client = await connected(office.address)
        first = await sync(engine, client, office.address)
        there = await until_async("all of it", lambda: _several(client, office, 21))
        second = await sync(engine, client, office.address)
        assert there == await watched(client, office.address)
        assert (7, 14, 0) == (first.timers, first.deliveries, first.ended) == _counts(second)
        # Temporal waits for what the store knows nothing of, and for what has ended meanwhile.
        await look_at_all(client, office.address, [(AGREEMENT, "nobody"), (NOTIFICATION, "0")])
        await until_async("all of it", lambda: _several(client, office, 23))
        engine.end("deal-0", "dropped", by=BOSS)
        third = await sync(engine, client, office.address)
        assert (6, 15, 3) == _counts(third)
        async with office.at_work(engine, client):
            await until_async("delivery", lambda: not office.pending(engine))
            await office.watches(client, *((AGREEMENT, f"deal-{n}") for n in range(1, 7)))
        assert len(office.channel.got) == 15
        assert (6, 0, 0) == _counts(await sync(engine, client, office.address))


def _counts(done: Any) -> tuple[int, int, int]:
    return done.timers, done.deliveries, done.ended


async def _several(client: Any, office: Office, wanted: int) -> Any:
    there = await watched(client, office.address)
    return there if len(there) == wanted else None


@in_a_loop
async def test_two_deployments_do_not_meet(office: Office, server: Server) -> None:
    """Two offices with agreements of the same id share a namespace by their queues, and neither sees the other's."""
    other = Office(office.folder / "other", server.url(f"{office.address.queue}-2"[-90:]))
    other.folder.mkdir()
    with office.open() as engine, other.open() as theirs:
        council(engine)
        async with office.at_work(engine) as client:
            council(theirs)
            await until_async("delivery", lambda: not office.pending(engine))
            await until_async("theirs", lambda: _several(client, other, 3))
            await office.watches(client, (AGREEMENT, "deal"))
            assert other.pending(theirs) == 2


@in_a_loop
async def test_long_life_does_not_make_a_long_history(office: Office) -> None:
    """However often it is told to look, a timer has a history of bounded length."""
    with office.open() as engine:
        async with office.at_work(engine) as client:
            council(engine)
            await until_async("delivery", lambda: not office.pending(engine))
            handle = client.get_workflow_handle(office.address.id(AGREEMENT, "deal"))
            first = (await handle.describe()).run_id

            async def renewed() -> bool:
                """Tell it to look, and see whether its history is another."""
                await look(client, office.address, AGREEMENT, "deal")
                return (await handle.describe()).run_id != first

            await until_async("a new history", renewed)
            assert (await handle.describe()).history_length < 1000
            await office.watches(client, (AGREEMENT, "deal"))


@in_a_loop
async def test_names_of_any_script(office: Office) -> None:
    """An agreement may have an id of any script and length that the engine takes."""
    names = ["協定 / 2026", "a" * 200, "協" * 200, 'quo"te', "x:y", "%2F?#"]
    with office.open() as engine:
        for name in names:
            council(engine, name)
        async with office.at_work(engine) as client:
            await until_async("delivery", lambda: not office.pending(engine))
            await office.watches(client, *((AGREEMENT, name) for name in names))


@in_a_loop
async def test_several_workers_on_postgresql(office: Office, database: str) -> None:
    """Several workers with a store for many machines share the work, and each thing is done once."""
    office.clock = ManualClock(PAST)
    others = [Office(office.folder, office.url, office.clock, office.channel, database) for _ in range(3)]
    with others[0].open() as engine, others[1].open() as second, others[2].open() as third:
        async with others[1].at_work(second), others[2].at_work(third) as client:
            names = [f"deal-{number}" for number in range(12)]
            for name in names:
                council(engine, name)
            await until_async("delivery", lambda: not office.pending(engine))
            await office.watches(client, *((AGREEMENT, name) for name in names))
            office.clock.set(datetime.now(UTC))
            await look_at_all(client, office.address, [(AGREEMENT, name) for name in names * 3])
            await until_async("silence", lambda: all("voted" in kinds(engine, name) for name in names))
            await until_async("delivery", lambda: not office.pending(engine))

        assert [1] * 12 == [kinds(engine, name).count("voted") for name in names]
        assert len(office.channel.got) == len(set(office.channel.got)) == len(engine.outbox())
