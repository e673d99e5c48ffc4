"""What ends the demo early."""

from __future__ import annotations


class DemoError(Exception):
    """The demo can't go on; the message is one line and says what to do."""
