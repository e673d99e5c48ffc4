"""Secondary indexes: their definitions, and the entry that an item has in one.

An entry's key is `hash (4) | partition key | sort keys | the item's own key`, so that entries with the same index key
are told apart and have an order. Each attribute of the partition key stands behind its length (2). Sort keys end with
two zero bytes, and a zero inside of them is escaped: none is then the front of another, and the order of the bytes is
the order of the values. In a local index the hash and the partition key are the table's own, and are not repeated.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from zlib import crc32

from cdc.model import numbers
from cdc.model.keys import (
    HASH_BYTES,
    LENGTH_BYTES,
    MAX_PARTITION_KEY_BYTES,
    MAX_SORT_KEY_BYTES,
    KeyAttributes,
    decode_key,
    decode_scalar,
    encode_scalar,
    partition_end,
)
from cdc.model.values import SIZES, Item, canonical_bytes, load_item, value_size
from cdc.model.wire_types import utf8_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdc.model.keys import KeySchema
    from cdc.model.values import AttributeValue

ALL = "ALL"
KEYS_ONLY = "KEYS_ONLY"
INCLUDE = "INCLUDE"

MAX_HASH_ATTRIBUTES = 4
MAX_RANGE_ATTRIBUTES = 4
MAX_KEY_ATTRIBUTES = MAX_HASH_ATTRIBUTES + MAX_RANGE_ATTRIBUTES
"""Of a global index's key."""

_END = b"\0\0"
"""Behind each sort key; less than anything that can follow inside of one."""
_ESCAPED_ZERO = b"\0\xff"

_EncodeKey: TypeAlias = Callable[[Item, bytes], bytes | None]
_SizeOfKeys: TypeAlias = Callable[[Item], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexDefinition:
    """What CreateTable and UpdateTable said of an index; stored as JSON."""

    name: str
    local: bool
    key_schema: tuple[tuple[str, str], ...]  # (attribute name, HASH|RANGE)
    projection: str  # ALL | KEYS_ONLY | INCLUDE
    non_key_attributes: tuple[str, ...] = ()
    read_units: int = 0
    write_units: int = 0
    last_increase_ms: int | None = None
    last_decrease_ms: int | None = None
    decreases_today: int = 0
    max_read_units: int | None = None  # OnDemandThroughput
    max_write_units: int | None = None
    warm_read_units: int | None = None  # WarmThroughput, where it was asked for
    warm_write_units: int | None = None
    insights_since_ms: int | None = None  # when contributor insights were last enabled or disabled
    insights_enabled: bool = False
    insights_mode: str | None = None  # ContributorInsightsMode, where it was asked for


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """An index as operations use it."""

    id: int  # in the file, never given twice
    definition: IndexDefinition
    hashes: KeyAttributes  # of the partition key
    ranges: KeyAttributes  # of the sort key
    key_attributes: KeyAttributes  # both
    own_names: tuple[str, ...]  # of those
    table_key: KeySchema
    key_names: tuple[str, ...]  # attributes of the index's key and the table's
    included: frozenset[str]  # attributes that entries hold besides index and table key; empty unless INCLUDE
    whole_items: bool  # whether it holds all attributes, and so all of an item
    backfilling: bool  # whether items from before the index may still have no entry
    encode_key: _EncodeKey = field(compare=False, repr=False)
    """Encodes the key of an item's entry, given the item's own encoded key; None when it has none.

    That is when a key attribute is missing, or is of another type, empty or too long, as it may be in items from
    before the index. (DynamoDB: sparse indexes.)
    """
    size_of_keys: _SizeOfKeys = field(compare=False, repr=False)
    """Gives the bytes that the keys of index and table take in an item that has an entry."""

    @property
    def name(self) -> str:
        """The index's name."""
        return self.definition.name

    @property
    def local(self) -> bool:
        """Whether it shares the table's partition key."""
        return self.definition.local

    def holds(self, name: str) -> bool:
        """Tell whether entries have an attribute, if their item does."""
        return self.whole_items or name in self.included or name in self.key_names


class Entry(NamedTuple):
    """What an index holds of an item."""

    key: bytes
    size: int  # bytes of all that is projected, DynamoDB's arithmetic
    included: bytes | None  # canonical JSON of what INCLUDE adds to the keys; None for other projections


def build_index(
    id_: int, definition: IndexDefinition, types: Mapping[str, str], table_key: KeySchema, *, backfilling: bool
) -> Index:
    """Make the index of a definition; `types` are those of the table's attribute definitions."""
    hashes = tuple((name, types[name]) for name, role in definition.key_schema if role == "HASH")
    ranges = tuple((name, types[name]) for name, role in definition.key_schema if role == "RANGE")
    all_keys = dict((*hashes, *ranges, *table_key.attributes()))
    keys = tuple(all_keys)
    return Index(
        id=id_,
        definition=definition,
        hashes=hashes,
        ranges=ranges,
        key_attributes=hashes + ranges,
        own_names=tuple(name for name, _ in hashes + ranges),
        table_key=table_key,
        key_names=keys,
        included=frozenset(definition.non_key_attributes).difference(keys),
        whole_items=definition.projection == ALL,
        backfilling=backfilling,
        encode_key=_key_encoder(() if definition.local else hashes, ranges),
        size_of_keys=_key_sizer(tuple(all_keys.items())),
    )


def _key_encoder(hashes: KeyAttributes, ranges: KeyAttributes) -> _EncodeKey:
    """Make an index's `encode_key`; without `hashes` it is a local one's. One closure, as every write goes through it."""
    encoders: dict[str, Callable[[str], bytes]] = {"S": str.encode, "N": numbers.sort_key, "B": b64decode}
    hashed = tuple((name, kind, encoders[kind]) for name, kind in hashes)
    ranged = tuple((name, kind, encoders[kind]) for name, kind in ranges)

    def encode(item: Item, table_key: bytes) -> bytes | None:
        key, left = b"", MAX_PARTITION_KEY_BYTES
        for name, kind, encode_value in hashed:
            if name not in item:
                return None
            text = item[name].get(kind)
            if not text:
                return None
            encoded = encode_value(text)
            length = len(encoded)
            left -= length
            key += length.to_bytes(LENGTH_BYTES, "big") + encoded
        if left < 0:
            return None
        if hashed:
            key = crc32(key).to_bytes(HASH_BYTES, "big") + key
        else:
            end = partition_end(table_key)
            key, table_key = table_key[:end], table_key[end:]
        left = MAX_SORT_KEY_BYTES
        for name, kind, encode_value in ranged:
            if name not in item:
                return None
            text = item[name].get(kind)
            if not text:
                return None
            encoded = encode_value(text)
            left -= len(encoded)
            key += encoded.replace(b"\0", _ESCAPED_ZERO) + _END
        return None if left < 0 else key + table_key

    return encode


def _key_sizer(attributes: KeyAttributes) -> _SizeOfKeys:
    """Make an index's `size_of_keys`, which every write of a key or an included attribute goes through."""
    names_bytes = sum(utf8_size(name) for name, _ in attributes)
    sized = tuple((name, kind, SIZES[kind]) for name, kind in attributes)

    def size_of_keys(item: Item) -> int:
        size = names_bytes
        for name, kind, content_size in sized:
            size += content_size(item[name][kind])
        return size

    return size_of_keys


def index_partition(index: Index, values: Sequence[AttributeValue]) -> bytes:
    """Return what the entries of one partition of a global index start with, given its key's values."""
    key = b""
    for (_, kind), value in zip(index.hashes, values, strict=True):
        encoded = encode_scalar(kind, value[kind])
        key += len(encoded).to_bytes(LENGTH_BYTES, "big") + encoded
    return crc32(key).to_bytes(HASH_BYTES, "big") + key


def escape(encoded: bytes) -> bytes:
    """Escape an encoded sort key, without its end: so the front of one is the front of the other."""
    return encoded.replace(b"\0", _ESCAPED_ZERO)


def sort_element(encoded: bytes) -> bytes:
    """Write an encoded sort key as it stands in an entry's key."""
    return escape(encoded) + _END


def decode_entry_key(index: Index, key: bytes) -> Item:
    """Return the key attributes of index and table that an entry's key has in it."""
    keys: Item = {}
    place = HASH_BYTES
    for name, kind in index.hashes:
        start = place + LENGTH_BYTES
        place = start + int.from_bytes(key[place:start], "big")
        keys[name] = decode_scalar(kind, key[start:place])
    partition = key[:place]
    for name, kind in index.ranges:
        end = key.index(_END, place)
        keys[name] = decode_scalar(kind, key[place:end].replace(_ESCAPED_ZERO, b"\0"))
        place = end + len(_END)
    rest = key[place:]
    return keys | decode_key(index.table_key, partition + rest if index.local else rest)


def entry_of(index: Index, item: Item, item_bytes: int, table_key: bytes) -> Entry | None:
    """Build the entry that an item of `item_bytes` has in an index; None when it has none."""
    key = index.encode_key(item, table_key)
    return None if key is None else entry_at(index, item, item_bytes, key)


def entry_at(index: Index, item: Item, item_bytes: int, key: bytes) -> Entry:
    """Build an item's entry under its key, which the caller has encoded."""
    if index.whole_items:
        return Entry(key, item_bytes, None)
    if index.definition.projection != INCLUDE:
        return Entry(key, index.size_of_keys(item), None)
    included, size = {}, index.size_of_keys(item)
    for name in index.included:
        value = item.get(name)
        if value is not None:
            included[name] = value
            size += utf8_size(name) + value_size(value)
    return Entry(key, size, canonical_bytes(included))


def entry_size(index: Index, item: Item, item_bytes: int) -> int:
    """Give the bytes of the entry of an item that has one, without building it."""
    if index.whole_items:
        return item_bytes
    size = index.size_of_keys(item)
    for name in index.included:
        value = item.get(name)
        if value is not None:
            size += utf8_size(name) + value_size(value)
    return size


def entry_content(index: Index, key: bytes, included: bytes | None) -> bytes:
    """Return the canonical JSON of an entry that does not hold a whole item."""
    keys = decode_entry_key(index, key)
    return canonical_bytes(keys if included is None else keys | load_item(included))
