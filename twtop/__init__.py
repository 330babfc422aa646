"""top for TCP TIME_WAIT."""

__version__ = "0.1.0"
