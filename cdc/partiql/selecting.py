"""SELECT: the page that it reads, and the answer with its NextToken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cdc.expressions import Condition
from cdc.model.errors import ValidationException
from cdc.model.values import INVALID
from cdc.partiql.plan import plan_select
from cdc.partiql.syntax import Select
from cdc.partiql.tokens import decode_token, encode_token
from cdc.tables.pages import PageRequest, cut_page, page_capacity, rows_at_once
from cdc.tables.requests import find_table, refuse_key_paths
from cdc.tables.sources import find_source, with_attributes

if TYPE_CHECKING:
    from cdc.model.catalog import Table
    from cdc.model.indexes import Index
    from cdc.partiql.prepared import Bound
    from cdc.partiql.syntax import Target
    from cdc.store.reading import View
    from cdc.tables.pages import Page
    from cdc.tables.sources import Source

NO_SUCH_INDEX = "The table does not have the specified index"
NOT_CONSISTENT = "Strongly consistent read is not supported on Global Secondary Indexes"


def run_select(view: View, bound: Bound, request: dict[str, Any], digest: bytes) -> bytes:
    """Read one page and write the answer; `digest` stands for the statement in its tokens.

    Raises: ResourceNotFoundException, ValidationException. (DynamoDB: ExecuteStatement.)
    """
    statement = bound.statement
    assert isinstance(statement, Select)
    table = find_table(view.catalog, statement.target.table_name)
    source = _source_of(table, statement.target, consistent=bool(request.get("ConsistentRead")))
    refuse_key_paths(table, [path for condition in bound.conditions for path in condition.paths])
    selection = bound.prepared.selection
    if selection is not None:
        refuse_key_paths(table, selection.paths)
        source = with_attributes(source, selection.top_level_names)
    plan = plan_select(bound, source, statement.orderings)
    condition = bound.condition_without(plan.answered)
    if source.index is not None and condition is not None:
        condition = _on_index(source.index, condition, keyed=plan.keyed)
    if request.get("NextToken") is not None:
        plan = plan.after(decode_token(view.secret, digest, request["NextToken"]))
    asked = PageRequest(
        table_name=statement.target.table_name,
        index_name=statement.target.index_name,
        limit=request.get("Limit"),
        count_only=False,
        whole_items=False,
        consistent=bool(request.get("ConsistentRead")),
        capacity_mode=request.get("ReturnConsumedCapacity"),
        filter=condition,
        projection=selection,
        start_key=None,
    )
    page = cut_page(plan.rows(source, view.connection, at_once=rows_at_once(asked)), asked)
    token = None if page.last is None else encode_token(view.secret, digest, page.last[0])
    return _answer(source, asked, page, token)


def _source_of(table: Table, target: Target, *, consistent: bool) -> Source:
    """Find what is read, and see that it can be; the words are others than those of Query."""
    if target.index_name is not None:
        index = table.index(target.index_name)
        if index is None:
            raise ValidationException(NO_SUCH_INDEX)
        if consistent and not index.local:
            raise ValidationException(NOT_CONSISTENT)
    return find_source(table, target.index_name, consistent=consistent)


def _on_index(index: Index, condition: Condition, *, keyed: bool) -> Condition:
    """Hold a condition against what an index has, also where whole items are fetched for the projection.

    A read of partitions refuses attributes that it does not have; to a scan they are missing. (DynamoDB: PartiQL.)
    """
    missing = sorted(name for name in condition.top_level_names if not index.holds(name))
    if not missing:
        return condition
    if keyed:
        raise ValidationException(
            f"{INVALID}Secondary index {index.name} does not project one or more filter attributes: "
            f"[{', '.join(missing)}]"
        )
    return Condition(
        lambda item: condition.matches({name: value for name, value in item.items() if name not in missing}),
        condition.paths,
    )


def _answer(source: Source, asked: PageRequest, page: Page, token: str | None) -> bytes:
    parts = [b'"Items":[' + b",".join(page.items) + b"]"]
    if page.last is not None:
        parts.append(b'"NextToken":' + orjson.dumps(token))
        parts.append(b'"LastEvaluatedKey":' + orjson.dumps(source.start_key_of(page.last)))
    capacity = page_capacity(source, asked, page)
    if capacity is not None:
        parts.append(b'"ConsumedCapacity":' + orjson.dumps(capacity))
    return b"{" + b",".join(parts) + b"}"
