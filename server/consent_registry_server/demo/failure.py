"""What ends the demonstration early."""

from __future__ import annotations


class DemoFailed(Exception):
    """A step did not do what it should; the message says which, for a human."""
