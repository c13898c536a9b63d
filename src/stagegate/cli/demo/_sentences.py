"""The sentences between the facts of the demonstration, in the languages the command line speaks."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def catalogue() -> dict[str, dict[str, dict[str, str]]]:
    """Return all that can be said: sentences and verbs, each by its name and language."""
    return tomllib.loads(Path(__file__).with_name("sentences.toml").read_text(encoding="utf-8"))


def sentence(name: str, lang: str, **params: object) -> str:
    """Return a sentence in *lang*, with its places filled."""
    return catalogue()["sentences"][name][lang].format(**params)


def verb(event: str, lang: str) -> str:
    """Return what is said of a kind of event, or of a move, in *lang*."""
    return catalogue()["verbs"][event][lang]
