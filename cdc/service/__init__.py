"""Composition of all floors below, for `cdc.open` and the daemon."""

from __future__ import annotations

from cdc.service.core import Service, open_service

__all__ = ["Service", "open_service"]
