"""The law of stores, clause by clause."""

from __future__ import annotations

from ._dates import Dates
from ._holding import Letters
from ._keeping import Alike, Definitions, Dossiers, Lasting
from ._others import Others
from ._reading import Counts, Histories, Listings, Values
from ._schema import Schemas
from ._telling import Outbox
from ._working import Batches, Jobs
from ._writing import Nothing, Numbers, Requests, Units, Whole, Writers


class StoreContract(
    Nothing,
    Units,
    Numbers,
    Whole,
    Requests,
    Writers,
    Others,
    Jobs,
    Batches,
    Histories,
    Listings,
    Counts,
    Values,
    Dates,
    Outbox,
    Letters,
    Dossiers,
    Definitions,
    Lasting,
    Schemas,
    Alike,
):
    """
    The law that every store obeys: inherit it in a class named `Test…`, and give it the fixture `store`.

    Each test is a clause; its number stands in its docstring, and all are listed in docs/reference/store-contract.md.

    Fixtures:
        store: An empty store, closed when the test is over. Has to be given.

        reopen: What opens another store on the same place, while the first is open or after it was closed. To be given
            where the store outlives its process; without it the clauses on that are skipped.

        schema: The `Schema` of the place of `store`, where the store has numbered versions of one. With it comes
            `stamp`, a function that writes down at that place that it has the version it is given. Without them the
            clauses on that are skipped.

        clock: The clock of the engines, a `ManualClock`.
    """
