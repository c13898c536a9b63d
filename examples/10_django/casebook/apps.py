"""What has to be there before the first table of Django's."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import pre_migrate


class CaseBook(AppConfig):
    """The application."""

    name = "casebook"

    def ready(self) -> None:
        """Have the tables of stagegate made first: it does not enter a SQLite file that belongs to something else."""
        from .register import engine

        pre_migrate.connect(lambda **_: engine(), sender=self, weak=False)
