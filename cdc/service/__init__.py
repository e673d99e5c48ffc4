"""Composition of all floors below, for `cdc.open` and the daemon."""

from __future__ import annotations

from cdc.model.options import Options
from cdc.service.configuration import options_of
from cdc.service.core import Service, open_service

__all__ = ["Options", "Service", "open_service", "options_of"]
