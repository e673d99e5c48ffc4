"""What Query and Scan read: a table or one of its indexes, as a row of encoded keys with something behind each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from cdc.model.errors import ValidationException
from cdc.model.indexes import decode_entry_key, escape, index_partition, sort_element
from cdc.model.keys import (
    MISMATCH,
    check_key,
    decode_key,
    encode_key,
    encode_scalar,
    partition_prefix,
    successor_of_prefix,
)
from cdc.model.values import INVALID
from cdc.store.index_items import scan_entries
from cdc.store.items import HIGHEST_KEY, scan_range

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from typing import Any

    from cdc.expressions import KeyRange
    from cdc.model.catalog import Table
    from cdc.model.indexes import Index
    from cdc.model.keys import KeyAttributes
    from cdc.model.values import Item
    from cdc.store.items import Row

INVALID_START = "The provided starting key is invalid"


class Source(Protocol):
    """A table or an index, from which a page is read."""

    @property
    def table(self) -> Table:
        """The table that it is or belongs to."""

    @property
    def index(self) -> Index | None:
        """The index, if it is one."""

    @property
    def hashes(self) -> KeyAttributes:
        """Attributes of its partition key."""

    @property
    def ranges(self) -> KeyAttributes:
        """Attributes of its sort key."""

    def bounds(self, keys: KeyRange) -> tuple[bytes, bytes]:
        """Turn a key condition into encoded keys [low, high)."""

    def encode_start(self, start_key: Item, *, scan: bool) -> bytes:
        """Check an ExclusiveStartKey against the keys and encode it; raises ValidationException."""

    def rows(
        self, connection: Any, low: bytes, high: bytes, *, forward: bool, at_once: int
    ) -> Generator[Row, None, None]:
        """Yield what lies in [low, high), fetching `at_once` rows at a time. Close it when you stop early."""

    def start_key_of(self, row: Row) -> Item:
        """Return the key that a read goes on after: LastEvaluatedKey."""


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table itself."""

    table: Table

    @property
    def index(self) -> None:
        """It is none."""

    @property
    def hashes(self) -> KeyAttributes:
        """Attributes of its partition key."""
        return self.table.schema.hashes

    @property
    def ranges(self) -> KeyAttributes:
        """Attributes of its sort key."""
        return self.table.schema.ranges

    def bounds(self, keys: KeyRange) -> tuple[bytes, bytes]:
        """Turn a key condition into encoded keys [low, high)."""
        schema = self.table.schema
        prefix = partition_prefix(schema, keys.hash_values[0])
        end = successor_of_prefix(prefix) or HIGHEST_KEY
        if keys.operator is None:
            return prefix, end
        assert schema.range_type is not None
        points = [prefix + encode_scalar(schema.range_type, value[schema.range_type]) for value in keys.operands]
        return _bounds(keys.operator, (prefix, end), [(point, point + b"\0") for point in points], points[0])

    def encode_start(self, start_key: Item, *, scan: bool) -> bytes:
        """Check an ExclusiveStartKey and encode it; raises ValidationException, in the words of Query or of Scan."""
        schema = self.table.schema
        if set(start_key) != {name for name, _ in schema.attributes()}:
            raise ValidationException(f"{INVALID_START}: {MISMATCH}" if scan else INVALID_START)
        try:
            check_key(schema, start_key)
        except ValidationException as error:
            raise ValidationException(f"{INVALID_START}: {error.message}" if scan else error.message) from error
        return encode_key(schema, start_key)

    def rows(
        self, connection: Any, low: bytes, high: bytes, *, forward: bool, at_once: int
    ) -> Generator[Row, None, None]:
        """Yield the items in [low, high), fetching `at_once` at a time. Close it when you stop early."""
        return scan_range(connection, self.table.id, low, high, forward=forward, at_once=at_once)

    def start_key_of(self, row: Row) -> Item:
        """Return the key that a read goes on after."""
        return decode_key(self.table.schema, row[0])


@dataclass(frozen=True, slots=True)
class IndexSource:
    """An index; with `whole`, each entry's item is fetched from the table."""

    table: Table
    index: Index
    whole: bool = False

    @property
    def hashes(self) -> KeyAttributes:
        """Attributes of its partition key."""
        return self.index.hashes

    @property
    def ranges(self) -> KeyAttributes:
        """Attributes of its sort key."""
        return self.index.ranges

    def bounds(self, keys: KeyRange) -> tuple[bytes, bytes]:
        """Turn a key condition into encoded keys [low, high)."""
        index = self.index
        if index.local:
            prefix = partition_prefix(self.table.schema, keys.hash_values[0])
        else:
            prefix = index_partition(index, keys.hash_values)
        for (_, kind), value in zip(index.ranges, keys.equal, strict=False):
            prefix += sort_element(encode_scalar(kind, value[kind]))
        end = successor_of_prefix(prefix) or HIGHEST_KEY
        if keys.operator is None:
            return prefix, end
        _, kind = index.ranges[len(keys.equal)]
        operands = [encode_scalar(kind, value[kind]) for value in keys.operands]
        points = [prefix + sort_element(operand) for operand in operands]
        # Behind a sort key come others and the item's key; its end of two zero bytes has a successor of its own.
        spans = [(point, point[:-1] + b"\1") for point in points]
        return _bounds(keys.operator, (prefix, end), spans, prefix + escape(operands[0]))

    def encode_start(self, start_key: Item, *, scan: bool) -> bytes:  # noqa: ARG002  # as of a table
        """Check an ExclusiveStartKey and encode it; raises ValidationException."""
        schema, own = self.table.schema, dict(self.index.key_attributes)
        if start_key.keys() != {*own, *(name for name, _ in schema.attributes())}:
            raise ValidationException(INVALID_START)
        if any(kind not in start_key[name] for name, kind in own.items()):
            raise ValidationException(MISMATCH)
        try:
            check_key(schema, {name: start_key[name] for name, _ in schema.attributes()})
        except ValidationException as error:
            raise ValidationException(f"{INVALID_START}: {error.message}") from error
        key = self.index.encode_key(start_key, encode_key(schema, start_key))
        if key is None:  # empty or too long
            raise ValidationException(INVALID_START)
        return key

    def rows(
        self, connection: Any, low: bytes, high: bytes, *, forward: bool, at_once: int
    ) -> Generator[Row, None, None]:
        """Yield the entries in [low, high), or their items, fetching `at_once` at a time. Close it when you stop early."""
        return scan_entries(connection, self.index, low, high, forward=forward, whole=self.whole, at_once=at_once)

    def start_key_of(self, row: Row) -> Item:
        """Return the key that a read goes on after: the index's and the item's."""
        return decode_entry_key(self.index, row[0])


def _bounds(
    operator: str, whole: tuple[bytes, bytes], spans: list[tuple[bytes, bytes]], front: bytes
) -> tuple[bytes, bytes]:
    """Give the bounds of a condition on a sort key.

    `whole` bounds what its partition holds, `spans` what has the operands as sort key, `front` what begins with the
    first of them.
    """
    (low, after_first), (_, after_last) = spans[0], spans[-1]
    match operator:
        case "=" | "BETWEEN":
            return low, after_last
        case "<":
            return whole[0], low
        case "<=":
            return whole[0], after_first
        case ">":
            return after_first, whole[1]
        case ">=":
            return low, whole[1]
        case _:
            return front, successor_of_prefix(front) or whole[1]


def find_source(table: Table, index_name: str | None, *, consistent: bool, whole: bool = False) -> Source:
    """Look up what a read names: the table, or one of its indexes.

    With `whole`, an index that does not hold whole items has them fetched, which only a local one can.
    Raises: ValidationException. (DynamoDB: Query and Scan, IndexName, ConsistentRead and Select.)
    """
    if index_name is None:
        return TableSource(table)
    index = table.index(index_name)
    if index is None:
        raise ValidationException(f"The table does not have the specified index: {index_name}")
    if consistent and not index.local:
        raise ValidationException("Consistent reads are not supported on global secondary indexes")
    if table.is_filling(index):
        raise ValidationException(f"Cannot read from backfilling global secondary index: {index_name}")
    if whole and not index.local and not index.whole_items:
        raise ValidationException(
            f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index {index_name} "
            "because its projection type is not ALL"
        )
    return IndexSource(table, index, whole)


def with_attributes(source: Source, names: Iterable[str]) -> Source:
    """Have a source give these attributes, too, for a projection: a local index fetches what it does not hold.

    Raises: ValidationException for a global index that does not hold them. (DynamoDB: Query and Scan, projections.)
    """
    if not isinstance(source, IndexSource):
        return source
    missing = [name for name in names if not source.index.holds(name)]
    if not missing:
        return source
    if source.index.local:
        return replace(source, whole=True)
    raise ValidationException(
        f"{INVALID}Global secondary index {source.index.name} does not project [{', '.join(sorted(missing))}]"
    )
