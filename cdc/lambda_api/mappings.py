"""The operations on event source mappings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdc.lambda_api import mapping_shapes as shapes
from cdc.lambda_api.call import Answer
from cdc.lambda_api.checks import check
from cdc.lambda_api.json_body import parse_body
from cdc.lambda_api.mapping_answers import (
    CREATING,
    DELETING,
    DISABLING,
    ENABLING,
    UPDATING,
    configuration_of,
    last_result,
    source_arn,
)
from cdc.lambda_api.mapping_settings import changed_settings, function_of
from cdc.lambda_api.pages import page_of
from cdc.model.arns import parse_stream_arn
from cdc.model.function_names import parse_function_name
from cdc.model.lambda_errors import (
    FunctionNotFoundException,
    InvalidParameterValueException,
    ResourceConflictException,
)
from cdc.model.mappings import API, CONFIGURATION, NO_RECORDS, MappingSettings
from cdc.store import lambda_tags
from cdc.store import mappings as store
from cdc.store.checkpoints import checkpoints_of

if TYPE_CHECKING:
    from cdc.lambda_api.call import Body, Call, Context
    from cdc.model.catalog import Catalog, Stream
    from cdc.model.function_names import FunctionName
    from cdc.model.mappings import Mapping
    from cdc.store.transaction import Transaction

PAGE_MAPPINGS = 100
"""Lambda gives no more at once, whatever MaxItems says."""


def create_event_source_mapping(call: Call, context: Context) -> Answer:
    """Lambda: CreateEventSourceMapping. Delivery begins at once, though the answer says Creating, as Lambda's does."""
    body = parse_body(call.body)
    check(shapes.CREATE, body)
    shapes.refuse_other_sources(body)
    arn = body.get("EventSourceArn")
    if not arn:
        raise InvalidParameterValueException("Unrecognized event source.")
    if body.get("StartingPosition") is None and parse_stream_arn(arn) is not None:
        raise InvalidParameterValueException(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
            "Member must not be null."
        )
    function = function_of(body["FunctionName"], context.directory)
    settings = changed_settings(
        MappingSettings(
            function_name=function.name,
            starting_position=body.get("StartingPosition") or "",  # it is missing for a source that is refused below
            function_qualifier=function.qualifier,
            event_source_arn=arn,
        ),
        body,
    )
    uuid = context.new_id()

    def run(transaction: Transaction) -> Body:
        catalog = transaction.catalog
        stream = _stream(catalog, arn)
        if settings.starting_position == "AT_TIMESTAMP":
            raise InvalidParameterValueException(f"Unsupported starting position for arn type: {arn}")
        _refuse_twin(transaction.connection, arn, stream, function)
        mapping = store.create(transaction, uuid, API, stream, settings)
        lambda_tags.add(transaction, lambda_tags.of_mapping(uuid), body.get("Tags") or {})
        return configuration_of(mapping, catalog, context.service.options, NO_RECORDS, CREATING)

    created = context.service.writer.call(run)
    context.mappings_changed()
    return Answer(status=202, body=created)


def get_event_source_mapping(call: Call, context: Context) -> Answer:
    """Lambda: GetEventSourceMapping."""
    service = context.service
    view = service.reader.view()
    with service.database.reading() as connection:
        mapping = _find(connection, call.path["UUID"])
        return Answer(body=_described(connection, mapping, view.catalog, context))


def list_event_source_mappings(call: Call, context: Context) -> Answer:
    """Lambda: ListEventSourceMappings."""
    service = context.service
    arn, name = call.parameter("EventSourceArn"), call.parameter("FunctionName")
    view = service.reader.view()
    with service.database.reading() as connection:
        mappings = [
            mapping
            for mapping in store.load_mappings(connection)
            if not mapping.removed
            and (arn is None or source_arn(mapping, view.catalog, service.options) == arn)
            and (name is None or _invokes(mapping, name))
        ]
        mappings.sort(key=lambda mapping: mapping.uuid)
        page, more = page_of(call, mappings, lambda mapping: mapping.uuid, PAGE_MAPPINGS)
        described = [_described(connection, mapping, view.catalog, context) for mapping in page]
    return Answer(body={**more, "EventSourceMappings": described})


def update_event_source_mapping(call: Call, context: Context) -> Answer:
    """Lambda: UpdateEventSourceMapping. The answer shows the old settings; the new ones are in force by then."""
    body = parse_body(call.body)
    check(shapes.UPDATE, body)
    shapes.refuse_other_sources(body)
    name = body.get("FunctionName")
    function = None if name is None else function_of(name, context.directory)

    def run(transaction: Transaction) -> Body:
        connection = transaction.connection
        mapping = _find(connection, call.path["UUID"])
        settings = changed_settings(mapping.settings, body)
        if function is not None:
            settings = replace(settings, function_name=function.name, function_qualifier=function.qualifier)
        if mapping.origin == CONFIGURATION:
            _set_paused(transaction, mapping, settings, body)
        else:
            if function is not None and mapping.settings.event_source_arn is not None:
                arn = mapping.settings.event_source_arn
                stream = next((each for each in transaction.catalog.streams if each.id == mapping.stream_id), None)
                _refuse_twin(connection, arn, stream, function, mapping.id)
            store.change_settings(transaction, mapping.id, settings)
            if mapping.paused and body.get("Enabled"):
                store.set_paused(transaction, mapping.id, paused=False)
        changed = store.find_mapping(connection, mapping.uuid)
        assert changed is not None
        state = UPDATING
        if changed.active != mapping.active:
            state = ENABLING if changed.active else DISABLING
        shown = replace(mapping, modified_ms=changed.modified_ms)
        return _described(connection, shown, transaction.catalog, context, state)

    answer = context.service.writer.call(run)
    context.mappings_changed()
    return Answer(status=202, body=answer)


def delete_event_source_mapping(call: Call, context: Context) -> Answer:
    """Lambda: DeleteEventSourceMapping. Checkpoints go with it; a batch in flight comes to its end, and is forgotten."""

    def run(transaction: Transaction) -> Body:
        connection = transaction.connection
        mapping = _find(connection, call.path["UUID"])
        if mapping.origin == CONFIGURATION:
            raise ResourceConflictException(
                f"The event source mapping {mapping.uuid} is declared in the configuration, as {mapping.name}: remove it "
                "there and reload. Enabled=false pauses it"
            )
        described = _described(connection, mapping, transaction.catalog, context, DELETING)
        store.forget(transaction, mapping.id)
        lambda_tags.clear(transaction, lambda_tags.of_mapping(mapping.uuid))
        return described

    answer = context.service.writer.call(run)
    context.mappings_changed()
    return Answer(status=202, body=answer)


def _find(connection: Any, uuid: str) -> Mapping:
    mapping = store.find_mapping(connection, uuid)
    if mapping is None or mapping.removed:
        raise FunctionNotFoundException("The resource you requested does not exist.")
    return mapping


def _described(connection: Any, mapping: Mapping, catalog: Catalog, context: Context, state: str | None = None) -> Body:
    result = last_result(checkpoints_of(connection, mapping.id))
    return configuration_of(mapping, catalog, context.service.options, result, state)


def _stream(catalog: Catalog, arn: str) -> Stream:
    named = parse_stream_arn(arn)
    if named is None:
        raise InvalidParameterValueException(
            f"Unrecognized event source. cdc reads streams of DynamoDB: {arn} is not the ARN of one"
        )
    for stream in catalog.streams_of(named.table_name):
        if stream.label == named.label:
            return stream
    raise InvalidParameterValueException(f"Stream not found: {arn}")


def _refuse_twin(
    connection: Any,
    arn: str,
    stream: Stream | None,
    function: FunctionName,
    but: int | None = None,
) -> None:
    """Refuse a second mapping of one stream to one function (spec: the text of the conflict)."""
    for mapping in store.load_mappings(connection):
        called = (mapping.function_name, mapping.settings.function_qualifier)
        same_stream = stream is not None and (
            mapping.stream_id == stream.id or (mapping.stream_id is None and _follows(mapping, stream))
        )
        if mapping.id != but and not mapping.removed and same_stream and called == function:
            raise ResourceConflictException(
                f'The event source arn (" {arn} ") and function (" {function.name} ") provided mapping already exists. '
                f"Please update or delete the existing mapping with UUID {mapping.uuid}"
            )


def _follows(mapping: Mapping, stream: Stream) -> bool:
    """Tell whether a mapping that follows its table is to read a stream, sooner or later."""
    return mapping.table_name == stream.table_name and stream.id >= mapping.first_stream


def _invokes(mapping: Mapping, text: str) -> bool:
    named = parse_function_name(text)
    if named is None or named.name != mapping.function_name:
        return False
    return named.qualifier is None or named.qualifier == mapping.settings.function_qualifier


def _set_paused(transaction: Transaction, mapping: Mapping, settings: MappingSettings, body: Body) -> None:
    """Pause or resume a mapping of the configuration, which nobody else may change."""
    enabled = body.get("Enabled")
    declared = f"The event source mapping {mapping.uuid} is declared in the configuration, as {mapping.name}"
    if replace(settings, enabled=True) != replace(mapping.settings, enabled=True):
        raise ResourceConflictException(f"{declared}: change it there and reload. Only Enabled can be set here")
    if enabled and not mapping.settings.enabled:
        raise InvalidParameterValueException(f"{declared}, with enabled = false: set it to true there and reload")
    if enabled is not None and mapping.paused == enabled:
        store.set_paused(transaction, mapping.id, paused=not enabled)
