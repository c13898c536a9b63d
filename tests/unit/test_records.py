from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from stagegate import Actor, Document, InvalidValue, Party, Pin


def test_document_is_named_by_its_content(tmp_path: Path) -> None:
    """The digest of a document is the SHA-256 of its bytes, from memory or from a file."""
    file = tmp_path / "Report – 報告.pdf"
    file.write_bytes(b"content")
    digest = sha256(b"content").hexdigest()

    assert digest == Document.from_bytes(b"content", kind="report").digest
    assert (digest, "Report – 報告.pdf") == (
        Document.from_file(file, kind="report").digest,
        Document.from_file(str(file), kind="report").title,
    )
    assert "Other" == Document.from_file(file, kind="report", title="Other").title


def test_digest_is_lower_case() -> None:
    """However a digest is written, it is kept in lower case."""
    assert "ab" * 32 == Document(kind="d", digest="AB" * 32).digest


def test_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, is named with the reason."""
    with pytest.raises(InvalidValue, match="cannot be read: Is a directory"):
        Document.from_file(tmp_path, kind="d")
    with pytest.raises(InvalidValue, match="cannot be read: No such file"):
        Document.from_file(tmp_path / "none", kind="d")


def test_collections_are_sorted_and_unique() -> None:
    """Roles, languages and signatures are sets: written in one order, each once."""
    assert ("a", "b") == Actor(id="x", roles=["b", "a", "b"]).roles
    assert ("en", "id") == Document.from_bytes(b"", kind="d", languages={"id", "en"}).languages
    assert Actor(id="x", roles=["b", "a"]) == Actor(id="x", roles=("a", "b"))


def test_same_text_is_content_and_what_it_says() -> None:
    """A document with other signatures or a later date of arrival is the same text; with other content or fields it is not."""
    first = Document.from_bytes(b"1", kind="d", fields={"a": 1})

    assert first.same_text(
        Document.from_bytes(b"1", kind="d", fields={"a": 1}, signed_by=["x"], received_on="2025-01-01")
    )
    assert not first.same_text(Document.from_bytes(b"2", kind="d", fields={"a": 1}))
    assert not first.same_text(Document.from_bytes(b"1", kind="d", fields={"a": 2}))


def test_what_is_empty_is_not_written() -> None:
    """Plain data holds what is said, and nothing of what is not."""
    assert {"id": "bekasi"} == Party("bekasi").to_data()
    assert {"kind": "d", "digest": "0" * 64} == Document(kind="d", digest="0" * 64).to_data()


def test_pin_reads_short() -> None:
    """What an agreement is pinned to reads as id, version and the beginning of the digest."""
    assert "permit 2 (0123abcd)" == str(Pin("permit", "2", "0123abcdef"))
