"""The settings. One url says where everything is: the tables of Django, ours, and the histories of stagegate."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote


def database(url: str) -> dict[str, Any]:
    """Return what Django calls the database at *url*."""
    if url.startswith("sqlite:///"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(url.removeprefix("sqlite:///")),
            # To lock before reading, and to keep through a power cut what was acknowledged, as stagegate does.
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA synchronous = EXTRA"},
        }
    from psycopg.conninfo import conninfo_to_dict

    found = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": found.get("dbname", ""),
        "USER": found.get("user", ""),
        "PASSWORD": found.get("password", ""),
        "HOST": found.get("host", ""),
        "PORT": found.get("port", ""),
    }


def histories(url: str) -> str:
    """Return by which url stagegate opens it: its tables may be made beside those of Django."""
    return f"{url}?beside=yes" if url.startswith("sqlite:///") else url


URL = os.environ.get("CASEBOOK_DB", "sqlite:///casebook.db")
DATABASES = {"default": database(URL)}
STAGEGATE_URL = histories(URL)

SECRET_KEY = os.environ.get("CASEBOOK_SECRET", "for trying it out only")
DEBUG = False
ALLOWED_HOSTS = os.environ.get("CASEBOOK_HOSTS", "localhost,testserver").split(",")
ROOT_URLCONF = "casebook.urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "casebook"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "casebook.refusals.Refusals",
]
LANGUAGES = [("en", "English"), ("id", "Bahasa Indonesia"), ("ja", "日本語")]
LANGUAGE_CODE = "en"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
