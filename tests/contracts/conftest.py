"""Let a failing clause show what it compared, as pytest does in a test file."""

from __future__ import annotations

import sys

import pytest

if "stagegate.testing" not in sys.modules:
    pytest.register_assert_rewrite("stagegate.testing")
