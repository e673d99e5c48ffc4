"""The operations on how many instances a function may have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cdc.lambda_api.call import Answer
from cdc.lambda_api.checks import Structure, Whole, check
from cdc.lambda_api.functions import concurrency_of, named_function
from cdc.lambda_api.json_body import parse_body
from cdc.lambda_api.uploads import check_allowed, load, owned
from cdc.model.functions import RESERVED_CONCURRENCY_MAX
from cdc.store import uploads as store

if TYPE_CHECKING:
    from cdc.lambda_api.call import Call, Context
    from cdc.store.transaction import Transaction

_PUT = Structure(
    {"ReservedConcurrentExecutions": Whole(0, RESERVED_CONCURRENCY_MAX)}, frozenset({"ReservedConcurrentExecutions"})
)


def put_function_concurrency(call: Call, context: Context) -> Answer:
    """Lambda: PutFunctionConcurrency. With 0 the function is throttled, for its mappings too."""
    check_allowed(context)
    body = parse_body(call.body)
    check(_PUT, body)
    _set(call, context, body["ReservedConcurrentExecutions"])
    return Answer(body={"ReservedConcurrentExecutions": body["ReservedConcurrentExecutions"]})


def get_function_concurrency(call: Call, context: Context) -> Answer:
    """Lambda: GetFunctionConcurrency; of functions of the configuration, too."""
    return Answer(body=concurrency_of(named_function(call, context), context))


def delete_function_concurrency(call: Call, context: Context) -> Answer:
    """Lambda: DeleteFunctionConcurrency."""
    check_allowed(context)
    _set(call, context, None)
    return Answer(status=204)


def _set(call: Call, context: Context, instances: int | None) -> None:
    named = owned(call, context)

    def run(transaction: Transaction) -> None:
        old = load(transaction, named, context, None)
        store.replace(transaction, replace(old, settings=replace(old.settings, reserved_concurrency=instances)))

    context.service.writer.call(run)
    context.functions_changed()
