"""Tables and values for integration tests, in few words."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.wire import Wire

_numbers = itertools.count(1)


def unique_name() -> str:
    """Return a table name that no other test has."""
    return f"t{next(_numbers):05d}"


def schema(keys: str) -> dict[str, Any]:
    """Write KeySchema and AttributeDefinitions of keys such as `pk:S sk:N`."""
    pairs = [key.split(":") for key in keys.split()]
    return {
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind} for (name, _), kind in zip(pairs, ("HASH", "RANGE"), strict=False)
        ],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in pairs],
    }


def create(wire: Wire, keys: str = "pk:S", *, stream: str | None = None, **request: Any) -> str:
    """Create an on-demand table with `keys`, with a stream of the view type `stream`; return its name."""
    name = request.pop("TableName", None) or unique_name()
    if stream is not None:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream}
    if "ProvisionedThroughput" not in request:
        request["BillingMode"] = "PAY_PER_REQUEST"
    wire.call("CreateTable", TableName=name, **schema(keys), **request)
    return str(name)


def s(text: str) -> dict[str, str]:
    """Write a string value."""
    return {"S": text}


def n(number: float | str) -> dict[str, str]:
    """Write a number value."""
    return {"N": str(number)}
