"""How long the properties are tried: short by default, long where STAGEGATE_LONG is set."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "stagegate-properties",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    max_examples=2000 if os.environ.get("STAGEGATE_LONG") else 30,
    stateful_step_count=60 if os.environ.get("STAGEGATE_LONG") else 30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
