"""Requests that define tables and their indexes, in few words, for tests of every level."""

from __future__ import annotations

from typing import Any


def index(name: str, keys: str, projection: str | list[str] = "ALL", *, hashes: int = 1, **more: Any) -> dict[str, Any]:
    """Write an index on `keys`, such as "a b", the first of which are the partition key; a list is what is included."""
    projected = (
        {"ProjectionType": projection}
        if isinstance(projection, str)
        else {"ProjectionType": "INCLUDE", "NonKeyAttributes": projection}
    )
    schema = [
        {"AttributeName": key, "KeyType": "HASH" if place < hashes else "RANGE"}
        for place, key in enumerate(keys.split())
    ]
    return {"IndexName": name, "KeySchema": schema, "Projection": projected, **more}


def attributes(types: str) -> list[dict[str, str]]:
    """Write attribute definitions of types such as "a:S b:N"."""
    pairs = (each.split(":") for each in types.split())
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in pairs]


def definition(
    keys: str,
    others: str = "",
    *,
    local: list[dict[str, Any]] | None = None,
    global_: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Write an on-demand table with `keys` such as "pk:S sk:N", indexes, and the types of their `others` keys."""
    names = [key.partition(":")[0] for key in keys.split()]
    request: dict[str, Any] = {
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
        ],
        "AttributeDefinitions": attributes(f"{keys} {others}"),
        "BillingMode": "PAY_PER_REQUEST",
    }
    if local is not None:
        request["LocalSecondaryIndexes"] = local
    if global_ is not None:
        request["GlobalSecondaryIndexes"] = global_
    return request
