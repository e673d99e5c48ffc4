"""Tables and values for integration tests, in few words."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from tests.table_definitions import definition

if TYPE_CHECKING:
    from tests.integration.wire import Wire

_numbers = itertools.count(1)


def unique_name() -> str:
    """Return a table name that no other test has."""
    return f"t{next(_numbers):05d}"


def schema(keys: str) -> dict[str, Any]:
    """Write KeySchema and AttributeDefinitions of keys such as `pk:S sk:N`."""
    described = definition(keys)
    return {name: described[name] for name in ("KeySchema", "AttributeDefinitions")}


def create(wire: Wire, keys: str = "pk:S", *, stream: str | None = None, **request: Any) -> str:
    """Create an on-demand table with `keys`, with a stream of the view type `stream`; return its name.

    Indexes are given as `local` and `global_`, with the types of their keys as `others`: see `tests.table_definitions`.
    """
    name = request.pop("TableName", None) or unique_name()
    parts = {part: request.pop(part, None) for part in ("local", "global_")}
    described = definition(keys, request.pop("others", ""), **parts)
    if stream is not None:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream}
    if "ProvisionedThroughput" in request:
        del described["BillingMode"]
    wire.call("CreateTable", TableName=name, **described | request)
    return str(name)


def s(text: str) -> dict[str, str]:
    """Write a string value."""
    return {"S": text}


def n(number: float | str) -> dict[str, str]:
    """Write a number value."""
    return {"N": str(number)}
