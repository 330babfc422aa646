"""Hypothesis: no deadline on a shared machine, and the same examples on every run of CI."""

import os

from hypothesis import settings

settings.register_profile("twtop", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("twtop")
