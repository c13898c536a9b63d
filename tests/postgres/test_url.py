from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from stagegate.contrib.postgres._connections import Place


@pytest.mark.parametrize(
    "url,name",
    [
        ("postgresql://", "postgresql:///"),
        ("postgresql:///agreements", "postgresql:///agreements"),
        ("postgresql://db.example.org/agreements", "postgresql://db.example.org:5432/agreements"),
        ("postgresql://me:s%40crt@db:6543/a?sslmode=require", "postgresql://me@db:6543/a"),
        ("postgresql://me@/a?host=%2Frun%2Fpg&port=6543", "postgresql://me@/run/pg/a"),
        ("postgresql://[::1]/a", "postgresql://::1:5432/a"),
        ("postgresql://one:1,two:2/a?target_session_attrs=read-write", "postgresql://one,two:1,2/a"),
    ],
)
def test_name(url: str, name: str) -> None:
    """A database is called by its url without its password."""
    assert name == Place.of(url).name


def test_options() -> None:
    """What libpq takes is handed on as it is, our own options are not; what the url does not say is as usual."""
    place = Place.of("postgresql://db/a?pool=3&lock_timeout=1.5&connect_timeout=3&options=-c%20jit%3Doff&passfile=/a+b")
    given = conninfo_to_dict(place.conninfo)

    assert (3, 1.5) == (place.pool, place.lock_timeout)
    assert ("3", "-c jit=off", "/a+b", "stagegate", "utf8") == tuple(
        given[key] for key in ("connect_timeout", "options", "passfile", "application_name", "client_encoding")
    )
    assert "60000" == given["tcp_user_timeout"]
    assert "conninfo" not in repr(place)
