"""A register of the cooperation agreements of a city, as an API: FastAPI, SQLAlchemy, stagegate."""

from __future__ import annotations

from .app import create_app

__all__ = ["create_app"]
