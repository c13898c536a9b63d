"""Our own tables: what each role has to do, and the content of documents."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Task(models.Model):
    """Something that is to be done by a role, since an event: the in-trays of the office are made of these."""

    agreement = models.CharField(max_length=200)
    role = models.CharField(max_length=200)
    since = models.IntegerField()
    done = models.IntegerField(null=True)

    class Meta:
        """One role has one open task for an agreement."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agreement", "role"], condition=Q(done=None), name="one_open_task"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.agreement}"


class Paper(models.Model):
    """The content of a document. stagegate keeps its digest, and what else identifies it."""

    digest = models.CharField(max_length=64, primary_key=True)
    content = models.BinaryField()

    def __str__(self) -> str:
        return str(self.digest)
