"""What is read, and written beside the moves, in the same way whoever owns the transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from typing import Any

from stagegate import Agreement, Definition, Delivery, Dossier, Entry, HistoryTampered, Known, Pin, Query
from stagegate.rows import SORT, agreement_of, deliveries_of, intact_of

from ._connections import Cursor
from ._finding import listing
from ._proof import ONE, SOME, beside, whole
from ._rows import DELIVERY, SORTS, key_of, known_of, rewrite
from ._unit import GET, KNOWN

BATCH = 256
LAST = 2**31 - 1
TRYING = "stagegate_trying"

MANY = 1_000
"""How many rows of changed numbers may lie about before somebody who counts adds them up."""


class Reading:
    """What is read in the same way whoever owns the transaction."""

    def _cursor(self, doing: str) -> AbstractContextManager[Cursor]:
        raise NotImplementedError

    def _whole(self, doing: str) -> AbstractContextManager[Cursor]:
        """Have a cursor in a transaction, for several statements that belong together."""
        raise NotImplementedError

    def _rows(self, doing: str, sql: str, values: Any = ()) -> list[tuple[Any, ...]]:
        with self._cursor(doing) as cursor:
            return cursor.execute(sql, values).fetchall()

    def _changed(self, doing: str, sql: str, values: Any = ()) -> int:
        with self._cursor(doing) as cursor:
            return cursor.execute(sql, values).rowcount

    def get(self, agreement: str) -> Agreement | None:
        """Return an agreement, or None."""
        rows = self._rows(f"reading {agreement!r}", GET, (agreement,))
        return agreement_of(rows[0]) if rows else None

    def history(self, agreement: str, after: int = 0, upto: int | None = None) -> Sequence[Entry]:
        """Return its events."""
        rows = self._rows(
            f"reading the history of {agreement!r}",
            "SELECT n, body, hash FROM stagegate.event WHERE agreement = %s AND n > %s AND n <= %s ORDER BY n",
            (agreement, min(after, LAST), LAST if upto is None else min(upto, LAST)),
        )
        return [Entry(n=n, body=body, hash=hash_) for n, body, hash_ in rows]

    def find(self, query: Query, *, after: str | None, limit: int) -> Sequence[Agreement]:
        """Return a page of agreements."""
        return [agreement_of(row) for row in self._rows("listing", *listing(query, after, limit))]

    def count(self, query: Query, by: str | None) -> dict[Any, int]:
        """Count agreements by adding up how their numbers have changed."""
        rows = self._rows("counting", f"SELECT {SORTS}, sum(number), count(*) FROM stagegate.delta GROUP BY {SORTS}")
        counts: Counter[Any] = Counter()
        for *sort, number, _ in rows:
            row = dict(zip(SORT, sort, strict=True))
            row["running"] = not row["outcome"]
            row["outcome"] = row["outcome"] or None
            row["owner"] = row["owner"].split()
            meant = all(
                wanted is None or (wanted in row[column] if column == "owner" else wanted == row[column])
                for column in Query.COUNTED
                if (wanted := getattr(query, column)) is not None
            )
            if meant and number:
                value = row[by] if by else None
                for one in value if isinstance(value, list) else (value,):
                    counts[one] += int(number)
        if sum(row[-1] for row in rows) > MANY + len(rows):
            self._tidy()
        return dict(counts)

    def _tidy(self) -> None:
        """Add up changed numbers, where that can be done by the way."""

    def outbox(self, status: str | None = None) -> Iterable[Delivery]:
        """Return the rows of the outbox."""
        rows = self._rows(
            "reading the outbox",
            f"SELECT {DELIVERY} FROM stagegate.outbox o WHERE %(status)s::text IS NULL OR o.status = %(status)s"
            " ORDER BY o.due_at, o.agreement, o.n, o.id",
            {"status": status},
        )
        return deliveries_of(rows)

    def hold(self, scope: str, why: str) -> None:
        """Deliver nothing of it."""
        self._changed(
            "holding deliveries",
            "INSERT INTO stagegate.hold (digest, scope, why) VALUES (%s, %s, %s)"
            " ON CONFLICT (digest) DO UPDATE SET why = excluded.why",
            (key_of(scope), scope, why),
        )

    def release(self, scope: str) -> bool:
        """Deliver it again."""
        sql = "DELETE FROM stagegate.hold WHERE digest = %s"
        return self._changed("releasing deliveries", sql, (key_of(scope),)) > 0

    def holds(self) -> dict[str, str]:
        """Return what is held."""
        return dict(self._rows("reading what is held", "SELECT scope, why FROM stagegate.hold ORDER BY scope"))

    def definition(self, digest: str) -> bytes | None:
        """Return a definition, or None."""
        rows = self._rows("reading a definition", "SELECT body FROM stagegate.definition WHERE digest = %s", (digest,))
        return rows[0][0] if rows else None

    def definitions(self) -> Iterable[Definition]:
        """Return every definition."""
        rows = self._rows(
            "reading the definitions",
            "SELECT process, version, digest, body FROM stagegate.definition ORDER BY digest",
        )
        return [Definition(Pin(*row[:3]), row[3]) for row in rows]

    def known(self, request: str) -> Known | None:
        """Return what is known of a request, once nobody is writing it any more."""
        with self._whole("reading a request") as cursor:
            cursor.execute(f"SAVEPOINT {TRYING}")
            cursor.execute(
                "INSERT INTO stagegate.request (id, agreement, n, fingerprint) VALUES (%s, '', 0, '')"
                " ON CONFLICT (id) DO NOTHING",
                (request,),
            )
            mine = cursor.rowcount == 1
            cursor.execute(f"ROLLBACK TO SAVEPOINT {TRYING}")
            cursor.execute(f"RELEASE SAVEPOINT {TRYING}")
            return None if mine else known_of(cursor.execute(KNOWN, (request,)).fetchone())

    def requeue(self, now: datetime, notification: str | None = None) -> int:
        """Make dead rows due again."""
        with self._whole("requeueing") as cursor:
            rows = cursor.execute(
                f"SELECT {DELIVERY} FROM stagegate.outbox o WHERE o.status = 'dead'"
                " AND (%(only)s::text IS NULL OR o.id = %(only)s) ORDER BY o.agreement, o.n, o.id FOR UPDATE OF o",
                {"only": notification},
            ).fetchall()
            again = []
            for row in rows:
                # One that cannot be read, or was changed by another hand, holds up no other.
                with suppress(HistoryTampered):
                    again.append(intact_of(row).requeued(now))
            rewrite(cursor, again)
        return len(again)

    def dossiers(self, agreement: str | None = None) -> Iterator[Dossier]:
        """Return all that is stored, a batch at a time, each of one moment."""
        after = ""
        while True:
            with self._cursor("verifying") as cursor:
                asked = (SOME, (after, BATCH)) if agreement is None else (ONE, (agreement,))
                dossiers = list(map(whole, cursor.execute(*asked)))
            yield from dossiers
            if agreement is not None or not dossiers:
                return
            after = dossiers[-1].id

    def faults(self) -> Iterable[str]:
        """Compare the counts with what they count, and look for rows that belong to no agreement."""
        with self._cursor("verifying") as cursor:
            return beside(cursor)
