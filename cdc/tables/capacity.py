"""Capacity units: what an operation consumed, and how an answer says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.model.indexes import Index

_WRITE_UNIT_BYTES = 1024
_READ_UNIT_BYTES = 4096
_GROUPS = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")


def write_units(size_bytes: int) -> float:
    """Units of a write whose larger image has this size. DynamoDB: a started KB each, at least one."""
    return 1.0 if size_bytes <= _WRITE_UNIT_BYTES else float(-(-size_bytes // _WRITE_UNIT_BYTES))


def read_units(size_bytes: int, *, consistent: bool) -> float:
    """Units of reading this many bytes: started 4 KB each, at least one; half of it when eventually consistent."""
    units = max(1, -(-size_bytes // _READ_UNIT_BYTES))
    return float(units) if consistent else units / 2


def consumed(
    mode: str | None, table_name: str, units: float, indexes: Iterable[tuple[Index, float]] = (), axis: str = ""
) -> dict[str, Any] | None:
    """Build `ConsumedCapacity` for one table, as ReturnConsumedCapacity `mode` asks; None when it isn't wanted.

    `units` are the table's own; `axis`, Read or Write, has them told under that name, too, as transactions do.
    """
    if mode is None or mode == "NONE":
        return None
    indexes = list(indexes)
    total = units + sum(units for _, units in indexes)
    answer: dict[str, Any] = {"TableName": table_name, **_capacity(total, axis)}
    if mode == "INDEXES":
        answer["Table"] = _capacity(units, axis)
        for index, units_there in indexes:
            answer.setdefault(_GROUPS[index.local], {})[index.name] = _capacity(units_there, axis)
    return answer


def _capacity(units: float, axis: str) -> dict[str, float]:
    capacity = {"CapacityUnits": units}
    return capacity | {f"{axis}CapacityUnits": units} if axis else capacity


class Bill:
    """What a request consumes in several tables."""

    def __init__(self) -> None:
        self._tables: dict[str, float] = {}
        self._indexes: dict[str, dict[str, tuple[Index, float]]] = {}

    def add(self, table_name: str, units: float, indexes: Iterable[tuple[Index, float]] = ()) -> None:
        """Add units of a table, and of its indexes."""
        self._tables[table_name] = self._tables.get(table_name, 0) + units
        for index, more in indexes:
            by_name = self._indexes.setdefault(table_name, {})
            _, before = by_name.get(index.name, (index, 0))
            by_name[index.name] = (index, before + more)

    def capacities(self, mode: str | None, axis: str = "") -> list[dict[str, Any]] | None:
        """Build the list of `ConsumedCapacity`, one for each table; None when it isn't wanted."""
        listed = [
            consumed(mode, name, units, self._indexes.get(name, {}).values(), axis)
            for name, units in self._tables.items()
        ]
        return [each for each in listed if each is not None] or None
