"""Primary keys: what makes one acceptable, and their encoding as one order-preserving byte string.

The layout is `hash (4) | length of the partition key (2, big-endian) | partition key | sort key`. The hash gives Scan
its order, and parallel segments and stream shards their ranges. The length makes the front of a key free of prefixes,
so inside a partition the order of the bytes is the order of the sort keys.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias

from cdc.model import numbers
from cdc.model.errors import ValidationException
from cdc.model.values import INVALID, AttributeValue, Item, value_size

MAX_PARTITION_KEY_BYTES = 2048
MAX_SORT_KEY_BYTES = 1024

MISMATCH = "The provided key element does not match the schema"
HASH_TOO_LONG = INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes"
RANGE_TOO_LONG = INVALID + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
NOT_VALID = "One or more parameter values are not valid. "
"""How every message about an empty key begins."""
EMPTY_KEY = f"{NOT_VALID}The AttributeValue for a key attribute cannot contain an empty {{kind}} value. Key: {{name}}"

KINDS = {"S": "string", "B": "binary"}
"""What a type that can be empty is called in messages."""

KeyAttributes: TypeAlias = tuple[tuple[str, str], ...]
"""Name and type (S, N or B) of attributes of a key."""

_SHORT_HASH, _SHORT_RANGE = MAX_PARTITION_KEY_BYTES // 4, MAX_SORT_KEY_BYTES // 4
"""Characters that are within the bounds however many bytes each takes."""
HASH_BYTES = 4
LENGTH_BYTES = 2


@dataclass(frozen=True, slots=True)
class KeySchema:
    """Names and types (S, N or B) of the key attributes of a table or an index."""

    hash_name: str
    hash_type: str
    range_name: str | None = None
    range_type: str | None = None

    def attributes(self) -> KeyAttributes:
        """Return name and type of each key attribute, the partition key first."""
        if self.range_name is None or self.range_type is None:
            return ((self.hash_name, self.hash_type),)
        return ((self.hash_name, self.hash_type), (self.range_name, self.range_type))

    @property
    def hashes(self) -> KeyAttributes:
        """Name and type of the partition key, as the several attributes of an index's."""
        return ((self.hash_name, self.hash_type),)

    @property
    def ranges(self) -> KeyAttributes:
        """Name and type of the sort key, if there is one."""
        return self.attributes()[1:]


def hash_of(partition_key: bytes) -> int:
    """Return the place of an encoded partition key on the ring of 2^32."""
    return int.from_bytes(blake2b(partition_key, digest_size=HASH_BYTES).digest(), "big")


def encode_scalar(key_type: str, text: str) -> bytes:
    """Encode the content of a normalised S, N or B value so that its bytes sort as DynamoDB sorts it."""
    if key_type == "S":
        return text.encode()
    if key_type == "N":
        return numbers.sort_key(text)
    return b64decode(text)


def decode_scalar(key_type: str, encoded: bytes) -> AttributeValue:
    """Return the value that `encode_scalar` encoded."""
    if key_type == "S":
        return {"S": encoded.decode()}
    if key_type == "N":
        return {"N": numbers.from_sort_key(encoded)}
    return {"B": b64encode(encoded).decode()}


def partition_prefix(schema: KeySchema, hash_value: AttributeValue) -> bytes:
    """Return what the encoded keys of one partition start with, and no other key does."""
    partition_key = encode_scalar(schema.hash_type, hash_value[schema.hash_type])
    digest = blake2b(partition_key, digest_size=HASH_BYTES).digest()
    return digest + len(partition_key).to_bytes(LENGTH_BYTES, "big") + partition_key


def encode_key(schema: KeySchema, key_or_item: Item) -> bytes:
    """Encode the key of a checked key or item; attributes that are not of the key are ignored."""
    prefix = partition_prefix(schema, key_or_item[schema.hash_name])
    if schema.range_name is None or schema.range_type is None:
        return prefix
    return prefix + encode_scalar(schema.range_type, key_or_item[schema.range_name][schema.range_type])


def partition_end(encoded: bytes) -> int:
    """Tell where the partition key of an encoded key ends, and the sort key begins."""
    start = HASH_BYTES + LENGTH_BYTES
    return start + int.from_bytes(encoded[HASH_BYTES:start], "big")


def decode_key(schema: KeySchema, encoded: bytes) -> Item:
    """Return the key attributes that `encode_key` encoded."""
    start, end = HASH_BYTES + LENGTH_BYTES, partition_end(encoded)
    key = {schema.hash_name: decode_scalar(schema.hash_type, encoded[start:end])}
    if schema.range_name is not None and schema.range_type is not None:
        key[schema.range_name] = decode_scalar(schema.range_type, encoded[end:])
    return key


def key_of(schema: KeySchema, item: Item) -> Item:
    """Return the key attributes of a checked item."""
    if schema.range_name is None:
        return {schema.hash_name: item[schema.hash_name]}
    return {schema.hash_name: item[schema.hash_name], schema.range_name: item[schema.range_name]}


def _is_plainly_fine(schema: KeySchema, item: Item) -> bool:
    """Tell at once whether the key attributes of an item are good and short, as nearly all are."""
    value = item.get(schema.hash_name)
    text = None if value is None else value.get(schema.hash_type)
    if not text or len(text) > _SHORT_HASH:
        return False
    if schema.range_name is None:
        return True
    value = item.get(schema.range_name)
    text = None if value is None else value.get(schema.range_type or "")
    return text is not None and 0 < len(text) <= _SHORT_RANGE


def check_key(schema: KeySchema, key: Item) -> None:
    """Check a parsed `Key` map against the schema; raises ValidationException (DynamoDB: GetItem, Key)."""
    if len(key) == (1 if schema.range_name is None else 2) and _is_plainly_fine(schema, key):
        return
    if len(key) != (1 if schema.range_name is None else 2):
        raise ValidationException(MISMATCH)
    _check_matches(schema, key)
    _check_contents(schema, key)


def check_item_keys(schema: KeySchema, item: Item) -> None:
    """Check the key attributes in a parsed item; raises ValidationException (DynamoDB: PutItem, Item)."""
    if _is_plainly_fine(schema, item):
        return
    for name, key_type in schema.attributes():
        value = item.get(name)
        if value is None:
            raise ValidationException(f"{INVALID}Missing the key {name} in the item")
        if key_type not in value:
            [actual] = value
            raise ValidationException(f"{INVALID}Type mismatch for key {name} expected: {key_type} actual: {actual}")
    _check_contents(schema, item)


def check_batch_put_keys(schema: KeySchema, item: Item) -> None:
    """Check the key attributes in a parsed item of a batch, which is worded otherwise than PutItem's.

    Raises ValidationException. (DynamoDB: BatchWriteItem, PutRequest.)
    """
    _check_matches(schema, item)
    _check_contents(schema, item)


def _check_matches(schema: KeySchema, item: Item) -> None:
    for name, key_type in schema.attributes():
        if key_type not in item.get(name, ()):
            raise ValidationException(MISMATCH)


def _check_contents(schema: KeySchema, item: Item) -> None:
    check_contents(schema.hashes, schema.ranges, item)


def check_contents(hashes: KeyAttributes, ranges: KeyAttributes, key: Item) -> None:
    """Check that key values of the right types, of a table or an index, are neither empty nor too long in sum.

    Raises ValidationException. (DynamoDB: keys.)
    """
    bounds = ((hashes, MAX_PARTITION_KEY_BYTES, HASH_TOO_LONG), (ranges, MAX_SORT_KEY_BYTES, RANGE_TOO_LONG))
    for attributes, most_bytes, too_long in bounds:
        for name, key_type in attributes:
            if not key[name][key_type]:
                raise ValidationException(EMPTY_KEY.format(kind=KINDS[key_type], name=name))
        if sum(value_size(key[name]) for name, _ in attributes) > most_bytes:
            raise ValidationException(too_long)


def successor_of_prefix(prefix: bytes) -> bytes | None:
    """Return the smallest byte string above all that start with `prefix`; None when there is none."""
    stem = prefix.rstrip(b"\xff")
    if not stem:
        return None
    return stem[:-1] + bytes((stem[-1] + 1,))
