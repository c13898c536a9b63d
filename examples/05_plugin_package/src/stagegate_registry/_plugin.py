"""The plugin: it opens folders, and tells a registry office of every move by a file in its spool."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from stagegate import Agreement, Event, Notification, Store, hookimpl

from ._store import FolderStore

CHANNEL = "registry"
"""The channel of its notifications."""


class Registry:
    """
    The plugin, with its own spool or that of the environment.

    Attributes:
        name: What plugin errors call it.
    """

    name = "registry"

    def __init__(self, spool: str | Path | None = None) -> None:
        """
        Take the spool.

        Args:
            spool: The folder for what is to be told; where it is None, the one in the environment variable
                REGISTRY_SPOOL, and where there is none either, nobody is told.
        """
        self._given = spool

    @property
    def spool(self) -> Path | None:
        """The spool as it is set now."""
        named = self._given or os.environ.get("REGISTRY_SPOOL")
        return Path(named) if named else None

    @hookimpl
    def stagegate_open_store(self, url: str) -> Store | None:
        """Open the folder that a `folder:` url names."""
        return FolderStore.from_url(url) if url.startswith("folder:") else None

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell of every move, and of nothing else."""
        if event.kind == "moved" and self.spool is not None:
            context = {"move": event.move, "stage": agreement.stage, "outcome": agreement.outcome, "at": event.at}
            yield Notification(
                channel=CHANNEL, kind=f"moved.{event.move}", to=", ".join(agreement.owner), context=context
            )

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Write a notification into the spool: once, whole, under a name that stays the same."""
        if notification.channel != CHANNEL:
            return None
        spool = self.spool
        if spool is None:
            message = "there is no spool; name a folder in the environment variable REGISTRY_SPOOL"
            raise FileNotFoundError(message)
        # What is to be a file name is checked, wherever it is from.
        target = spool / f"{UUID(notification.id)}.json"
        if not target.exists():
            _write(target, notification)
        return True


def _write(target: Path, notification: Notification) -> None:
    letter = {
        "id": notification.id,
        "agreement": notification.agreement,
        "n": notification.n,
        "kind": notification.kind,
        "to": notification.to,
        **notification.context,
    }
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, suffix=".tmp", delete=False) as file:
        json.dump(letter, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    # Whoever looks into the spool sees the whole letter or none. Two who deliver it at once write the same.
    Path(file.name).replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
