"""Receivers on loopback, and one that watches every connection."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from proof.receivers import Guard, Hooks, PostOffice, Witness

if "stagegate.testing" not in sys.modules:
    pytest.register_assert_rewrite("stagegate.testing")

GUARD = Guard()


@pytest.fixture
def guard() -> Guard:
    """Return what wrote down every connection of this test."""
    GUARD.clear()
    return GUARD


@pytest.fixture
def witness() -> Iterator[Witness]:
    """Return a port that nobody has any business with."""
    witness = Witness()
    yield witness
    witness.close()


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """Return a web server without TLS."""
    hooks = Hooks()
    yield hooks
    hooks.close()


@pytest.fixture
def secure_hooks() -> Iterator[Hooks]:
    """Return a web server with TLS."""
    hooks = Hooks(tls=True)
    yield hooks
    hooks.close()


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """Return a mail server without TLS."""
    office = PostOffice()
    yield office
    office.close()
