"""ExecuteStatement: one statement, on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.model.errors import ValidationException
from cdc.partiql import shapes
from cdc.partiql.prepared import prepare
from cdc.partiql.selecting import run_select
from cdc.partiql.syntax import Exists
from cdc.partiql.tokens import digest_of
from cdc.partiql.writing import check_write, run_write
from cdc.store.reading import Read, Write
from cdc.tables.requests import of_shape

if TYPE_CHECKING:
    from cdc.model.options import Options

EXISTS_ALONE = "EXISTS can only be used in ExecuteTransaction"
_GUESSED_BYTES = 512
"""Of what an UPDATE writes, which is not known before it is applied."""


@of_shape(shapes.EXECUTE_STATEMENT)
def execute_statement(request: dict[str, Any], _options: Options) -> Read | Write:
    """Check an ExecuteStatement. DynamoDB: ExecuteStatement."""
    text, parameters = request["Statement"], request.get("Parameters")
    prepared = prepare(text)
    bound = prepared.bind(parameters)
    if isinstance(prepared.statement, Exists):
        raise ValidationException(EXISTS_ALONE)
    if prepared.is_read:
        digest = digest_of(text, parameters)
        return Read(lambda view: run_select(view, bound, request, digest))
    check_write(bound)
    size_bytes = _GUESSED_BYTES if bound.item is None else bound.item[1]
    return Write(lambda transaction: run_write(transaction, bound, request), size_bytes)
