"""Rows of functions that were made over the Lambda API, with every state transition of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import delete, insert, select, update

from cdc.model.uploads import Code, FunctionSettings, UploadedFunction
from cdc.store import lambda_tags, schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cdc.store.transaction import Transaction

_functions = schema.uploaded_functions.c


def load_functions(connection: Connection) -> list[UploadedFunction]:
    """Read all functions, by name."""
    return [_function(row) for row in connection.execute(select(schema.uploaded_functions).order_by(_functions.name))]


def load_function(connection: Connection, name: str) -> UploadedFunction | None:
    """Read one function."""
    row = connection.execute(select(schema.uploaded_functions).where(_functions.name == name)).first()
    return None if row is None else _function(row)


def _function(row: Any) -> UploadedFunction:
    settings = orjson.loads(row.settings)
    settings["architectures"] = tuple(settings["architectures"])
    return UploadedFunction(
        name=row.name,
        settings=FunctionSettings(**settings),
        code=Code(**orjson.loads(row.code)),
        revision_id=row.revision_id,
        modified_ms=row.modified_ms,
    )


def create(transaction: Transaction, function: UploadedFunction) -> None:
    """Add a function. Lambda: CreateFunction."""
    transaction.connection.execute(insert(schema.uploaded_functions).values(_row(function)))


def replace(transaction: Transaction, function: UploadedFunction) -> None:
    """Give a function other settings or other code. Lambda: UpdateFunctionConfiguration, UpdateFunctionCode."""
    changed = update(schema.uploaded_functions).where(_functions.name == function.name)
    transaction.connection.execute(changed.values(_row(function)))


def remove(transaction: Transaction, name: str) -> None:
    """Delete a function and its tags; mappings that invoke it stay. Lambda: DeleteFunction."""
    transaction.connection.execute(delete(schema.uploaded_functions).where(_functions.name == name))
    lambda_tags.clear(transaction, lambda_tags.of_function(name))


def _row(function: UploadedFunction) -> dict[str, Any]:
    return {
        "name": function.name,
        "settings": orjson.dumps(asdict(function.settings)),
        "code": orjson.dumps(asdict(function.code)),
        "revision_id": function.revision_id,
        "modified_ms": function.modified_ms,
    }
