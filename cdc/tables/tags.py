"""Tags of tables: TagResource, UntagResource and ListTagsOfResource."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.arns import account_of, table_name_of
from cdc.model.errors import AccessDeniedException, ResourceNotFoundException, ValidationException
from cdc.store import catalog as store
from cdc.store.reading import Read, Write
from cdc.tables import table_shapes as shapes
from cdc.tables.tag_rules import check_tags, tags_with, tags_without

if TYPE_CHECKING:
    from cdc.model.catalog import Catalog, Table
    from cdc.model.options import Options
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction

LIST_PAGE = 10
"""Tags that ListTagsOfResource gives at most."""


def tag_resource(request: dict[str, Any], options: Options) -> Write:
    """Check a TagResource. DynamoDB: TagResource."""
    shapes.TAG_RESOURCE.check(request)
    arn, tags = request["ResourceArn"], request["Tags"]
    name = _name_of(arn, options, "TagResource")
    if not tags:
        raise ValidationException("Atleast one Tag needs to be provided as Input.")
    check_tags(tags)

    def run(transaction: Transaction) -> bytes:
        table = _table_of(transaction.catalog, name, f"Requested resource not found: ResourcArn: {arn} not found")
        changed = replace(table.definition, tags=tags_with(table.definition.tags, tags))
        store.replace_definition(transaction, table.id, changed)
        return b""

    return Write(run)


def untag_resource(request: dict[str, Any], options: Options) -> Write:
    """Check an UntagResource. DynamoDB: UntagResource."""
    shapes.UNTAG_RESOURCE.check(request)
    name, keys = _name_of(request["ResourceArn"], options, "UntagResource"), frozenset(request["TagKeys"])
    if not keys:
        raise ValidationException("Atleast one Tag Key needs to be provided as Input.")

    def run(transaction: Transaction) -> bytes:
        table = _table_of(transaction.catalog, name, "Requested resource not found")
        changed = replace(table.definition, tags=tags_without(table.definition.tags, keys))
        store.replace_definition(transaction, table.id, changed)
        return b""

    return Write(run)


def list_tags_of_resource(request: dict[str, Any], options: Options) -> Read:
    """Check a ListTagsOfResource. DynamoDB: ListTagsOfResource."""
    shapes.LIST_TAGS_OF_RESOURCE.check(request)
    arn = request["ResourceArn"]
    name, after = _name_of(arn, options, "ListTagsOfResource"), _decode_token(request.get("NextToken"))

    def run(view: View) -> bytes:
        table = _table_of(view.catalog, name, f"Requested resource not found: ResourcArn: {arn} not found")
        tags = table.definition.tags
        start = bisect_right([key for key, _ in tags], after)
        page = tags[start : start + LIST_PAGE]
        answer: dict[str, Any] = {"Tags": [{"Key": key, "Value": value} for key, value in page]}
        if start + LIST_PAGE < len(tags):
            answer["NextToken"] = urlsafe_b64encode(page[-1][0].encode()).decode()
        return orjson.dumps(answer)

    return Read(run, quick=True)


def _decode_token(token: str | None) -> str:
    """Read the key that a page ended with."""
    try:
        return "" if token is None else b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise ValidationException("Invalid NextToken") from None


def _name_of(arn: str, options: Options, operation: str) -> str:
    """Take the name of a table from its ARN.

    Raises: ValidationException; AccessDeniedException for another account's.
    """
    name = table_name_of(arn)
    if name == arn:
        raise ValidationException(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    if account_of(arn) != options.account_id:
        raise AccessDeniedException(
            f"User: arn:aws:iam::{options.account_id}:root is not authorized to perform: dynamodb:{operation} "
            f"on resource: {arn}"
        )
    return name


def _table_of(catalog: Catalog, name: str, missing: str) -> Table:
    table = catalog.tables.get(name)
    if table is None:
        raise ResourceNotFoundException(missing)
    return table
