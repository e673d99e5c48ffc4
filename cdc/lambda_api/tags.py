"""The operations on tags of functions and event source mappings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cdc.lambda_api.call import Answer
from cdc.lambda_api.checks import Listed, Structure, Text, check, check_value
from cdc.lambda_api.functions import function_not_found
from cdc.lambda_api.json_body import parse_body
from cdc.lambda_api.mapping_shapes import TAGS
from cdc.model.function_names import FunctionName
from cdc.model.lambda_errors import FunctionNotFoundException, InvalidParameterValueException
from cdc.store import lambda_tags as store
from cdc.store import mappings

if TYPE_CHECKING:
    from cdc.lambda_api.call import Call, Context
    from cdc.store.transaction import Transaction

TAGS_MAX = 50
"""Lambda's bound for one resource."""
_ARN = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:\d{12}:"
    r"(function:(?P<function>[a-zA-Z0-9-_]+)(?P<qualifier>:.+)?|event-source-mapping:(?P<mapping>[0-9a-fA-F-]{36}))"
)
_TAGGABLE = Text(
    1,
    10_000,
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+"
    r"(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-"
    r"[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64})",
)
"""What can have tags in Lambda."""
_TAG = Structure({"Tags": TAGS}, frozenset({"Tags"}))
_KEYS = Listed(Text(1, 128), 50, 1)


def list_tags(call: Call, context: Context) -> Answer:
    """Lambda: ListTags."""
    resource = _resource(call, context)
    with context.service.database.reading() as connection:
        return Answer(body={"Tags": store.load(connection, resource)})


def tag_resource(call: Call, context: Context) -> Answer:
    """Lambda: TagResource."""
    body = parse_body(call.body)
    check(_TAG, body)
    resource = _resource(call, context)

    def run(transaction: Transaction) -> None:
        tags = store.load(transaction.connection, resource) | body["Tags"]
        if len(tags) > TAGS_MAX:
            raise InvalidParameterValueException(f"{len(tags)} tags: a resource can have at most {TAGS_MAX}")
        store.add(transaction, resource, body["Tags"])

    context.service.writer.call(run)
    return Answer(status=204)


def untag_resource(call: Call, context: Context) -> Answer:
    """Lambda: UntagResource."""
    keys = call.query.get("tagKeys", [])
    check_value(_KEYS, keys, "tagKeys")
    resource = _resource(call, context)
    context.service.writer.call(lambda transaction: store.remove(transaction, resource, keys))
    return Answer(status=204)


def _resource(call: Call, context: Context) -> str:
    """Find what an ARN names.

    Raises: ConstraintException, InvalidParameterValueException, FunctionNotFoundException.
    """
    arn = call.path["Resource"]
    check_value(_TAGGABLE, arn, "resource")
    match = _ARN.fullmatch(arn)
    if match is None:
        raise InvalidParameterValueException(
            f"{arn} can't have tags: expected the ARN of a function or of an event source mapping"
        )
    if match["qualifier"]:
        raise InvalidParameterValueException(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    if match["function"]:
        if not context.directory.exists(match["function"]):
            raise function_not_found(context, FunctionName(match["function"], None))
        return store.of_function(match["function"])
    with context.service.database.reading() as connection:
        mapping = mappings.find_mapping(connection, match["mapping"])
    if mapping is None or mapping.removed:
        raise FunctionNotFoundException("The resource you requested does not exist.")
    return store.of_mapping(mapping.uuid)
