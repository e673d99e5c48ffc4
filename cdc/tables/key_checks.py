"""What CreateTable and UpdateTable demand of key schemas and attribute definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.model.errors import ValidationException
from cdc.model.indexes import MAX_HASH_ATTRIBUTES, MAX_RANGE_ATTRIBUTES
from cdc.model.values import INVALID

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_RANGE_FIRST = "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
NO_SECOND_HASH = "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"

KeyElements = list[dict[str, str]]
"""A KeySchema, as it is on the wire."""


def names_of(elements: KeyElements) -> list[str]:
    """List the attributes of a KeySchema, or of AttributeDefinitions."""
    return [element["AttributeName"] for element in elements]


def check_keys(request: dict[str, Any]) -> None:
    """Check the keys of a CreateTable against its attribute definitions; raises ValidationException."""
    schema, defined = request["KeySchema"], names_of(request["AttributeDefinitions"])
    keys = names_of(schema)
    if len(keys) > len(defined):
        raise ValidationException("Invalid KeySchema: Some index key attribute have no definition")
    check_key_schema(schema, defined)
    indexes = [*(request.get("LocalSecondaryIndexes") or ()), *(request.get("GlobalSecondaryIndexes") or ())]
    if not indexes and len(keys) != len(defined):
        raise ValidationException(
            f"{INVALID}Number of attributes in KeySchema does not exactly match "
            "number of attributes defined in AttributeDefinitions"
        )
    used = sorted({*keys, *(name for index in indexes for name in names_of(index["KeySchema"]))})
    if not set(defined) <= set(used):
        raise ValidationException(
            f"{INVALID}Some AttributeDefinitions are not used. "
            f"AttributeDefinitions: [{', '.join(defined)}], keys used: [{', '.join(used)}]"
        )


def check_key_schema(schema: KeyElements, defined: Iterable[str], *, several: bool = False) -> None:
    """Check one KeySchema, of a table or an index; `several` allows more than one attribute of a kind.

    Raises: ValidationException.
    """
    keys, defined = names_of(schema), list(defined)
    if not set(keys) <= set(defined):
        raise ValidationException(
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(keys)}], AttributeDefinitions: [{', '.join(defined)}]"
        )
    if len(set(keys)) < len(keys):
        raise ValidationException("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    roles = [element["KeyType"] for element in schema]
    if roles[0] != "HASH":
        raise ValidationException(NO_RANGE_FIRST)
    if several:
        _check_several(roles)
    elif len(roles) > 1 and roles[1] != "RANGE":
        raise ValidationException(NO_SECOND_HASH)


def _check_several(roles: list[str]) -> None:
    """Check the roles in the key of a global index. DynamoDB: multi-attribute keys."""
    hashes, ranges = roles.count("HASH"), roles.count("RANGE")
    if roles != ["HASH"] * hashes + ["RANGE"] * ranges:
        raise ValidationException("Invalid KeySchema: All HASH elements must come before the RANGE elements")
    if hashes > MAX_HASH_ATTRIBUTES or ranges > MAX_RANGE_ATTRIBUTES:
        raise ValidationException(
            f"Invalid KeySchema: At most {MAX_HASH_ATTRIBUTES} HASH and {MAX_RANGE_ATTRIBUTES} RANGE elements are allowed"
        )
