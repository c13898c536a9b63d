"""The golden hashes, recomputed from the written format alone: nothing of stagegate is imported here."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BODIES = (HERE / "history-v1.jsonl").read_bytes().split(b"\n")[:-1]
HASHES = (HERE / "history-v1.sha256").read_text(encoding="ascii").split()
PAYLOADS = (HERE / "outbox-v1.jsonl").read_bytes().split(b"\n")[:-1]
SNAPSHOT = json.loads((HERE / "snapshot-v1.json").read_bytes())


def recomputed(bodies: list[bytes]) -> Iterator[str]:
    """Yield the hash of each event, as the format says."""
    before = b"\x00" * 32
    for body in bodies:
        hashed = hashlib.sha256()
        hashed.update(b"stagegate/event/v1\n")
        hashed.update(struct.pack(">Q", len(before)))
        hashed.update(before)
        hashed.update(struct.pack(">Q", len(body)))
        hashed.update(body)
        before = hashed.digest()
        yield before.hex()


def test_chain() -> None:
    """Each hash is SHA-256 over the domain, the hash before and the body, each after its length."""
    assert HASHES == list(recomputed(BODIES))


def test_chain_depends_on_everything() -> None:
    """One bit in any body changes its hash and every hash after it, and none before."""
    for place in range(len(BODIES)):
        bent = [*BODIES]
        bent[place] = bytes([bent[place][0] ^ 1]) + bent[place][1:]
        same = [one == other for one, other in zip(HASHES, recomputed(bent), strict=True)]

        assert [True] * place + [False] * (len(BODIES) - place) == same


@pytest.mark.parametrize("body", BODIES, ids=range(1, len(BODIES) + 1))
def test_body_is_canonical(body: bytes) -> None:
    """A body is UTF-8 JSON with sorted keys and no spaces: reading and writing it gives the same bytes."""
    written = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert body == written.encode("utf-8")


def test_numbers_run_from_one() -> None:
    """The numbers of the events run 1, 2, 3 …, whoever was refused."""
    assert list(range(1, len(BODIES) + 1)) == [json.loads(body)["n"] for body in BODIES]


def test_every_notification_is_told() -> None:
    """Each notification in an event carries the digest of what is to be told, and nothing else is told."""
    caused = [told["digest"] for body in BODIES for told in json.loads(body).get("notifications", ())]

    assert sorted(caused) == sorted(hashlib.sha256(payload).hexdigest() for payload in PAYLOADS)


def test_snapshot_is_that_of_the_last_event() -> None:
    """The snapshot names the last event, its hash, and the number of the last that changed something."""
    last = max(json.loads(body)["n"] for body in BODIES if json.loads(body)["kind"] != "refused")

    assert (len(BODIES), HASHES[-1], last) == (SNAPSHOT["n"], SNAPSHOT["head"], SNAPSHOT["version"])
