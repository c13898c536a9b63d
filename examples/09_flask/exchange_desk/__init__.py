"""The desk of a city's exchange section, as pages: Flask, SQLAlchemy Core, stagegate."""

from __future__ import annotations

from .app import create_app

__all__ = ["create_app"]
