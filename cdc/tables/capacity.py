"""Capacity units: what an operation consumed, and how an answer says so."""

from __future__ import annotations

from typing import Any

_WRITE_UNIT_BYTES = 1024
_READ_UNIT_BYTES = 4096


def write_units(size_bytes: int) -> float:
    """Units of a write whose larger image has this size. DynamoDB: a started KB each, at least one."""
    return float(max(1, -(-size_bytes // _WRITE_UNIT_BYTES)))


def read_units(size_bytes: int, *, consistent: bool) -> float:
    """Units of reading this many bytes: started 4 KB each, at least one; half of it when eventually consistent."""
    units = max(1, -(-size_bytes // _READ_UNIT_BYTES))
    return float(units) if consistent else units / 2


def consumed(mode: str | None, table_name: str, units: float) -> dict[str, Any] | None:
    """Build `ConsumedCapacity` for one table, as ReturnConsumedCapacity `mode` asks; None when it isn't wanted."""
    if mode is None or mode == "NONE":
        return None
    answer: dict[str, Any] = {"TableName": table_name, "CapacityUnits": units}
    if mode == "INDEXES":
        answer["Table"] = {"CapacityUnits": units}
    return answer
