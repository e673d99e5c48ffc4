"""What the item operations share: looking tables up, binding the expressions of a request, and writing answers."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from cdc.expressions import Condition, Substitutions, bind_condition, refuse_mixed_parameters
from cdc.model.arns import table_name_of
from cdc.model.catalog import SERVED
from cdc.model.errors import DETECTED, Family, ResourceNotFoundException, ValidationException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cdc.expressions import DocumentPath
    from cdc.model.catalog import Catalog, Table
    from cdc.model.options import Options
    from cdc.model.request_shapes import Shape

Work = TypeVar("Work")


def of_shape(
    shape: Shape, *, prefixes: bool = False
) -> Callable[[Callable[[dict[str, Any], Options], Work]], Callable[[dict[str, Any], Options], Work]]:
    """Have an operation's request held against its shape first, and its JSON types before any fault it finds itself.

    Values are parsed, and their types checked, in the operation's own order; the service looks at all types first.
    `prefixes` is true for PutItem and UpdateItem, whose messages of the family REQUEST begin with `DETECTED` if the
    options say so. Those of the shape do in any case.
    """

    def decorate(operation: Callable[[dict[str, Any], Options], Work]) -> Callable[[dict[str, Any], Options], Work]:
        @wraps(operation)
        def checked(request: dict[str, Any], options: Options) -> Work:
            shape.check(request)
            try:
                return operation(request, options)
            except ValidationException as error:
                shape.check_types(request)
                if prefixes and options.prefixes_validation and error.family is Family.REQUEST:
                    raise ValidationException(DETECTED + error.message) from error
                raise

        return checked

    return decorate


def find_table(catalog: Catalog, name_or_arn: str) -> Table:
    """Look a table up for an item operation.

    Raises: ResourceNotFoundException.
    """
    table = catalog.tables.get(name_or_arn) or catalog.tables.get(table_name_of(name_or_arn))
    if table is None or table.definition.status not in SERVED:
        raise ResourceNotFoundException("Requested resource not found")
    return table


def substitutions(
    request: dict[str, Any], *expressions: str, legacy: Sequence[str] = (), wraps_null: bool = True
) -> Substitutions:
    """Check the request's names and values against the expression parameters that it may have.

    `legacy` names the parameters that go with none of them, in the order of the message.
    Raises: ValidationException.
    """
    for parameter in legacy:  # quicker than any set
        if parameter in request:
            refuse_mixed_parameters(*({name: request.get(name) for name in kind} for kind in (legacy, expressions)))
            break
    names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
    if names is None and values is None:
        return Substitutions()  # undefined placeholders are refused all the same
    given = {parameter: request.get(parameter) for parameter in expressions}
    return Substitutions.parse(names, values, given, wraps_null=wraps_null)


def bind_optional(text: str | None, bound: Substitutions, kind: str = "Condition") -> Condition | None:
    """Bind a condition or filter expression when there is one."""
    return None if text is None else bind_condition(text, bound, kind)  # type: ignore[arg-type]


def refuse_key_paths(table: Table, paths: Iterable[DocumentPath]) -> None:
    """Refuse document paths that go into a key attribute of a table or of its indexes, which is a scalar.

    Raises: ValidationException.
    """
    for path in paths:
        if len(path) > 1:
            of_table = path[0] in {table.schema.hash_name, table.schema.range_name}
            if of_table or path[0] in table.index_keys:
                raise ValidationException(
                    "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
                    f"{'Key' if of_table else 'IndexKey'}: {path[0]}"
                )


def answer(
    attributes: bytes | None = None,
    capacity: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    name: bytes = b"Attributes",
) -> bytes:
    """Write the answer of an item operation: attributes from stored bytes, capacity and metrics when asked for."""
    if attributes is None and capacity is None and metrics is None:
        return b"{}"
    parts = []
    if attributes is not None:
        parts.append(b'"%s":%s' % (name, attributes))
    if capacity is not None:
        parts.append(b'"ConsumedCapacity":' + orjson.dumps(capacity))
    if metrics is not None:
        parts.append(b'"ItemCollectionMetrics":' + orjson.dumps(metrics))
    return b"{" + b",".join(parts) + b"}"
