"""Tags of functions and mappings, with every state transition of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from cdc.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from cdc.store.transaction import Transaction

_tags = schema.lambda_tags.c


def of_function(name: str) -> str:
    """Name a function as the owner of tags."""
    return f"function:{name}"


def of_mapping(uuid: str) -> str:
    """Name a mapping as the owner of tags."""
    return f"event-source-mapping:{uuid}"


def load(connection: Connection, resource: str) -> dict[str, str]:
    """Read the tags of a resource, by key."""
    rows = connection.execute(select(_tags.key, _tags.value).where(_tags.resource == resource).order_by(_tags.key))
    return {row.key: row.value for row in rows}


def add(transaction: Transaction, resource: str, tags: Mapping[str, str]) -> None:
    """Give a resource tags, in place of those with the same keys. Lambda: TagResource."""
    remove(transaction, resource, tags)
    rows = [{"resource": resource, "key": key, "value": value} for key, value in tags.items()]
    if rows:
        transaction.connection.execute(insert(schema.lambda_tags), rows)


def remove(transaction: Transaction, resource: str, keys: Iterable[str]) -> None:
    """Take tags from a resource, those of them that it has. Lambda: UntagResource."""
    of_keys = (_tags.resource == resource, _tags.key.in_(list(keys)))
    transaction.connection.execute(delete(schema.lambda_tags).where(*of_keys))


def clear(transaction: Transaction, resource: str) -> None:
    """Forget the tags of a resource that is gone."""
    transaction.connection.execute(delete(schema.lambda_tags).where(_tags.resource == resource))
