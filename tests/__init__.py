"""The tests. Nothing of the user's terminal settings reaches what they draw: textual and rich read these on import."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The checkout."""

for name in os.environ.keys() & {"NO_COLOR", "FORCE_COLOR", "COLORTERM", "ESCDELAY", "UNICODE_VERSION"} | {
    name for name in os.environ if name.startswith("TEXTUAL")
}:
    del os.environ[name]
