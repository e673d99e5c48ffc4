"""Moments and positions as people write them on the command line."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import click

from cdc.clock import SystemClock

_MOMENT = "an age such as 90s, 10m, 2h or 1d, or a time such as 2026-05-01T12:00"
_UNITS_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Moment(click.ParamType[float]):
    """A moment: an age such as 90s, 10m, 2h or 1d, or a date and time in ISO 8601. Seconds since 1970."""

    name = "AGE|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        try:
            return _seconds(str(value))
        except ValueError:
            self.fail(f"{value}: expected {_MOMENT}", param, ctx)


class Position(click.ParamType[dict[str, Any]]):
    """Where to go on in a stream: what `Control.reset` takes, by name."""

    name = "POSITION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """Read it."""
        if value in {"TRIM_HORIZON", "LATEST"}:
            return {"position": value}
        if re.fullmatch(r"[0-9]{21,40}", str(value)):
            return {"sequence": value}
        try:
            return {"time_ms": round(_seconds(str(value)) * 1000)}
        except ValueError:
            expected = f"TRIM_HORIZON, LATEST, a sequence number of 21 digits, {_MOMENT}"
            self.fail(f"{value}: expected {expected}", param, ctx)


def _seconds(text: str) -> float:
    age = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if age:
        return SystemClock().now_ms() / 1000 - int(age[1]) * _UNITS_SECONDS[age[2]]
    return datetime.fromisoformat(text).timestamp()  # one without a zone is local time, as people mean it
