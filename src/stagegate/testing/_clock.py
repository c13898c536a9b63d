"""A clock that moves when told, so that no test has to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2025, 7, 24, 2, 0, tzinfo=UTC)
"""When a clock starts that nobody has set."""


class ManualClock:
    """
    A clock that moves when told: hand it to `Engine.open` as `clock=`.

    >>> clock = ManualClock()
    >>> clock.advance(days=45).date().isoformat()
    '2025-09-07'
    >>> clock() == clock()
    True
    """

    def __init__(self, now: datetime = START) -> None:
        """
        Start at *now*.

        Raises:
            ValueError: If *now* has no zone.
        """
        self.set(now)

    def __call__(self) -> datetime:
        """Return the time it shows."""
        return self._now

    def __repr__(self) -> str:
        return f"ManualClock({self._now.isoformat()})"

    def set(self, now: datetime) -> datetime:
        """
        Show *now*, which may also lie in the past, and return it.

        Raises:
            ValueError: If *now* has no zone.
        """
        if not isinstance(now, datetime) or now.utcoffset() is None:
            message = f"{now} has no zone; say which, for example datetime.now(UTC)"
            raise ValueError(message)
        self._now = now
        return now

    def advance(self, by: timedelta | None = None, **parts: float) -> datetime:
        """
        Move on and return the time it shows then.

        Args:
            by: How far; by default a second, or what *parts* say.

            parts: The parts of a `timedelta`: `days`, `hours`, `minutes`, `seconds`, …
        """
        if by is None:
            by = timedelta(**parts) if parts else timedelta(seconds=1)
        return self.set(self._now + by)
