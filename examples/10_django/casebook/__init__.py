"""The case book of a region's cooperation team: Django, its ORM and its sign-in, stagegate."""
