"""The operations on how many invocations of a function run at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cdc.lambda_api.call import Answer
from cdc.lambda_api.checks import Structure, Whole, check
from cdc.lambda_api.functions import named_function, reserved_concurrency
from cdc.lambda_api.json_body import parse_body
from cdc.lambda_api.uploads import check_allowed, load, owned_function
from cdc.model.functions import RESERVED_CONCURRENCY_MAX
from cdc.model.lambda_errors import InvalidParameterValueException
from cdc.store import uploads as store

if TYPE_CHECKING:
    from cdc.lambda_api.call import Call, Context
    from cdc.store.transaction import Transaction

_MEMBER = "ReservedConcurrentExecutions"
_PUT = Structure({_MEMBER: Whole(0, RESERVED_CONCURRENCY_MAX)}, frozenset({_MEMBER}))


def put_function_concurrency(call: Call, context: Context) -> Answer:
    """Lambda: PutFunctionConcurrency. What runs goes on; from then on no more invocations begin than that."""
    check_allowed(context)
    body = parse_body(call.body)
    check(_PUT, body)
    if body[_MEMBER] == 0:
        raise InvalidParameterValueException(
            f"{_MEMBER} 0 is not supported by cdc: expected 1 or more; disable the function's mappings to stop it"
        )
    _change(call, context, body[_MEMBER])
    return Answer(body={_MEMBER: body[_MEMBER]})


def get_function_concurrency(call: Call, context: Context) -> Answer:
    """Lambda: GetFunctionConcurrency; empty of a function that has none of its own."""
    reserved = reserved_concurrency(named_function(call, context), context)
    return Answer(body={} if reserved is None else {_MEMBER: reserved})


def delete_function_concurrency(call: Call, context: Context) -> Answer:
    """Lambda: DeleteFunctionConcurrency."""
    check_allowed(context)
    _change(call, context, None)
    return Answer(status=204)


def _change(call: Call, context: Context, reserved: int | None) -> None:
    named = owned_function(call, context)

    def run(transaction: Transaction) -> bool:
        old = load(transaction, named, context)
        store.replace(transaction, replace(old, settings=replace(old.settings, reserved_concurrency=reserved)))
        return old.settings.reserved_concurrency != reserved

    if context.service.writer.call(run):
        context.functions_changed()
