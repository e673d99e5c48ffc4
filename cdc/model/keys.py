"""Primary keys: what makes one acceptable, and their encoding as one order-preserving byte string.

The layout is `hash (4) | length of the partition key (2, big-endian) | partition key | sort key`. The hash gives Scan
its order, and parallel segments and stream shards their ranges. The length makes the front of a key free of prefixes,
so inside a partition the order of the bytes is the order of the sort keys.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import blake2b

from cdc.model import numbers
from cdc.model.errors import ValidationException
from cdc.model.values import INVALID, AttributeValue, Item, value_size

MAX_PARTITION_KEY_BYTES = 2048
MAX_SORT_KEY_BYTES = 1024

MISMATCH = "The provided key element does not match the schema"
HASH_TOO_LONG = INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes"
RANGE_TOO_LONG = INVALID + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
EMPTY_KEY = (
    "One or more parameter values are not valid. "
    "The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {name}"
)

_SHORT_HASH, _SHORT_RANGE = MAX_PARTITION_KEY_BYTES // 4, MAX_SORT_KEY_BYTES // 4
"""Characters that are within the bounds however many bytes each takes."""
_HASH_BYTES = 4
_LENGTH_BYTES = 2


@dataclass(frozen=True, slots=True)
class KeySchema:
    """Names and types (S, N or B) of the key attributes of a table or an index."""

    hash_name: str
    hash_type: str
    range_name: str | None = None
    range_type: str | None = None

    def attributes(self) -> tuple[tuple[str, str], ...]:
        """Return name and type of each key attribute, the partition key first."""
        if self.range_name is None or self.range_type is None:
            return ((self.hash_name, self.hash_type),)
        return ((self.hash_name, self.hash_type), (self.range_name, self.range_type))


def hash_of(partition_key: bytes) -> int:
    """Return the place of an encoded partition key on the ring of 2^32."""
    return int.from_bytes(blake2b(partition_key, digest_size=_HASH_BYTES).digest(), "big")


def encode_scalar(key_type: str, text: str) -> bytes:
    """Encode the content of a normalised S, N or B value so that its bytes sort as DynamoDB sorts it."""
    if key_type == "S":
        return text.encode()
    if key_type == "N":
        return numbers.sort_key(text)
    return b64decode(text)


def _decode_scalar(key_type: str, encoded: bytes) -> AttributeValue:
    if key_type == "S":
        return {"S": encoded.decode()}
    if key_type == "N":
        return {"N": numbers.from_sort_key(encoded)}
    return {"B": b64encode(encoded).decode()}


def partition_prefix(schema: KeySchema, hash_value: AttributeValue) -> bytes:
    """Return what the encoded keys of one partition start with, and no other key does."""
    partition_key = encode_scalar(schema.hash_type, hash_value[schema.hash_type])
    digest = blake2b(partition_key, digest_size=_HASH_BYTES).digest()
    return digest + len(partition_key).to_bytes(_LENGTH_BYTES, "big") + partition_key


def encode_key(schema: KeySchema, key_or_item: Item) -> bytes:
    """Encode the key of a checked key or item; attributes that are not of the key are ignored."""
    prefix = partition_prefix(schema, key_or_item[schema.hash_name])
    if schema.range_name is None or schema.range_type is None:
        return prefix
    return prefix + encode_scalar(schema.range_type, key_or_item[schema.range_name][schema.range_type])


def decode_key(schema: KeySchema, encoded: bytes) -> Item:
    """Return the key attributes that `encode_key` encoded."""
    start = _HASH_BYTES + _LENGTH_BYTES
    end = start + int.from_bytes(encoded[_HASH_BYTES:start], "big")
    key = {schema.hash_name: _decode_scalar(schema.hash_type, encoded[start:end])}
    if schema.range_name is not None and schema.range_type is not None:
        key[schema.range_name] = _decode_scalar(schema.range_type, encoded[end:])
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
    """Check that key values of the right types are neither empty nor too long."""
    limit, too_long = MAX_PARTITION_KEY_BYTES, HASH_TOO_LONG
    for name, key_type in schema.attributes():
        if not item[name][key_type]:
            kind = "string" if key_type == "S" else "binary"
            raise ValidationException(EMPTY_KEY.format(kind=kind, name=name))
        if value_size(item[name]) > limit:
            raise ValidationException(too_long)
        limit, too_long = MAX_SORT_KEY_BYTES, RANGE_TOO_LONG


def successor_of_prefix(prefix: bytes) -> bytes | None:
    """Return the smallest byte string above all that start with `prefix`; None when there is none."""
    stem = prefix.rstrip(b"\xff")
    if not stem:
        return None
    return stem[:-1] + bytes((stem[-1] + 1,))
