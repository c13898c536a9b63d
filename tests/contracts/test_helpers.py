"""What else plugin authors are given: a clock, and values to try a plugin on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stagegate import Actor, Agreement, Engine, InvalidValue, MemoryStore, Message, Party, check_plugin
from stagegate.contrib import log
from stagegate.testing import ManualClock, make_agreement, make_event, make_notification, make_process
from stagegate.testing._lives import Desk

CLERK = Actor(id="ann", roles={"clerk"})


class TestManualClock:
    """A clock that moves when told."""

    def test_stands_still(self) -> None:
        """It shows the same time until it is told to move."""
        clock = ManualClock()

        assert clock() == clock()

    @pytest.mark.parametrize(
        "by, expected",
        [
            ({}, timedelta(seconds=1)),
            ({"days": 45}, timedelta(days=45)),
            ({"hours": 1, "minutes": 30}, timedelta(minutes=90)),
            ({"by": timedelta(microseconds=1)}, timedelta(microseconds=1)),
        ],
    )
    def test_advances(self, by: dict[str, Any], expected: timedelta) -> None:
        """It moves on by what it is told, a second by default, and answers the time it shows then."""
        clock = ManualClock()
        before = clock()

        assert before + expected == clock.advance(**by) == clock()

    def test_can_be_set(self) -> None:
        """It can be set, also back, and says what it shows."""
        clock = ManualClock(datetime(2026, 1, 2, tzinfo=UTC))
        clock.set(datetime(2025, 1, 1, tzinfo=UTC))

        assert "ManualClock(2025-01-01T00:00:00+00:00)" == repr(clock)

    def test_needs_a_zone(self) -> None:
        """A time without a zone is refused, as the engine would refuse it."""
        with pytest.raises(ValueError, match="has no zone"):
            ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001  that is what is wrong with it

    def test_drives_an_engine(self) -> None:
        """What an engine records carries the time it shows."""
        clock = ManualClock()
        with Engine(MemoryStore(), processes=[make_process()], clock=clock) as engine:
            engine.start("cooperation", "x", by=CLERK)
            clock.advance(days=3)
            engine.note("x", "seen", by=CLERK)

            assert [timedelta(days=3)] == [b.at - a.at for a, b in zip(*[iter(engine.history("x"))] * 2, strict=True)]


class TestMakers:
    """Values to try a plugin on."""

    def test_process_is_always_the_same(self) -> None:
        """The process has the same digest every time, so that what was pinned to it stays pinned."""
        assert make_process().pin == make_process().pin

    def test_agreement_is_a_real_one(self) -> None:
        """The agreement is what an engine makes of the first stage of that process, and can be kept and read."""
        agreement = make_agreement()

        assert (make_process().pin, "draft", ("clerk",), 1) == (
            agreement.process,
            agreement.stage,
            agreement.owner,
            agreement.n,
        )
        assert agreement == Agreement.from_json(agreement.to_json())

    def test_agreement_otherwise(self) -> None:
        """Any attribute can be otherwise; tables may be plain."""
        party = Party("bekasi")
        agreement = make_agreement(
            "x", title="T", parties=[party], stage="vote", rounds={"vote": 2}, outcome="withdrawn"
        )

        assert ("x", "T", (party,), 2, False) == (
            agreement.id,
            agreement.title,
            agreement.parties,
            agreement.round,
            agreement.running,
        )
        assert hash(agreement) == hash(agreement)

    def test_hostile_title_is_refused(self) -> None:
        """What an engine refuses is refused here too."""
        with pytest.raises(InvalidValue, match="NUL"):
            make_agreement(title="\0")

    @pytest.mark.parametrize("kind", ["attached", "recorded", "voted", "noted", "moved", "migrated", "refused"])
    def test_event_looks_like_a_real_one(self, kind: str) -> None:
        """The event has every field that an event always has, in the forms that an engine writes."""
        event = make_event(kind, data={"reason": "why"}, n=7)
        with Engine(MemoryStore(), processes=[make_process()], clock=ManualClock()) as engine:
            engine.start("cooperation", "bekasi-izumisano", by=CLERK)
            engine.note("bekasi-izumisano", "x", by=CLERK)
            (real,) = engine.history("bekasi-izumisano", after=1)

        assert set(real.data) == set(event.data)
        assert (kind, 7, "ann", "bekasi-izumisano") == (event.kind, event.n, event.actor, event.agreement)
        assert (real.at, real.recorded_at, real.data["process"]) == (
            event.at,
            event.recorded_at,
            event.data["process"],
        )

    def test_channel_can_be_tried(self, caplog: pytest.LogCaptureFixture) -> None:
        """A channel can be tried on what they make, without an engine."""
        caplog.set_level("INFO")
        told = list(log.stagegate_notify(make_event("moved", move="advance"), make_agreement(stage="vote")))
        delivered = log.stagegate_deliver(
            make_notification("log", kind="moved.advance"), Message(subject="Moved", text="")
        )

        assert [("log", "moved.advance")] == [(notification.channel, notification.kind) for notification in told]
        assert delivered is True
        assert "bekasi-izumisano #2 moved.advance" in caplog.text

    def test_other_channel_is_left_alone(self) -> None:
        """A notification for another channel is none of a channel's business."""
        assert log.stagegate_deliver(make_notification("paper"), Message(subject="Moved", text="")) is None

    def test_desk_keeps_to_the_hooks(self) -> None:
        """The plugin that the contract itself uses keeps to the hooks."""
        check_plugin(Desk(MemoryStore()))
