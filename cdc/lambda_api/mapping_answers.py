"""How a mapping is read back (Lambda: EventSourceMappingConfiguration)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.model.arns import function_arn, stream_arn
from cdc.model.mappings import NO_RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.lambda_api.call import Body
    from cdc.model.catalog import Catalog
    from cdc.model.mappings import Checkpoint, Mapping
    from cdc.model.options import Options

CREATING = "Creating"
ENABLING = "Enabling"
ENABLED = "Enabled"
DISABLING = "Disabling"
DISABLED = "Disabled"
UPDATING = "Updating"
DELETING = "Deleting"
"""States. The ones between are those of an answer: by the time that it is read, the change is in force."""


def mapping_arn(options: Options, uuid: str) -> str:
    """ARN of a mapping."""
    return f"arn:aws:lambda:{options.region}:{options.account_id}:event-source-mapping:{uuid}"


def source_arn(mapping: Mapping, catalog: Catalog, options: Options) -> str | None:
    """ARN of the stream that a mapping reads; None when it waits for its table to have one."""
    if mapping.settings.event_source_arn is not None:
        return mapping.settings.event_source_arn
    streams = catalog.streams_of(mapping.table_name)
    return stream_arn(options, mapping.table_name, streams[-1].label) if streams else None


def last_result(checkpoints: Iterable[Checkpoint]) -> str:
    """Tell what came of the newest batch of a mapping."""
    processed = [each for each in checkpoints if each.last_result != NO_RECORDS]
    return max(processed, key=lambda each: each.updated_ms).last_result if processed else NO_RECORDS


def configuration_of(
    mapping: Mapping, catalog: Catalog, options: Options, result: str, state: str | None = None
) -> Body:
    """Describe a mapping; `state` None: the one that it is in (spec: the members of a recorded answer)."""
    settings = mapping.settings
    arn = source_arn(mapping, catalog, options)
    function = function_arn(options, mapping.function_name)
    if settings.function_qualifier is not None:
        function = f"{function}:{settings.function_qualifier}"
    filters = {"FilterCriteria": {"Filters": [{"Pattern": pattern} for pattern in settings.filters]}}
    return {
        "UUID": mapping.uuid,
        "StartingPosition": settings.starting_position,
        "BatchSize": settings.batch_size,
        "MaximumBatchingWindowInSeconds": settings.maximum_batching_window_in_seconds,
        "ParallelizationFactor": settings.parallelization_factor,
        **({} if arn is None else {"EventSourceArn": arn}),
        **(filters if settings.filters else {}),
        "FunctionArn": function,
        "LastModified": mapping.modified_ms / 1000,
        "LastProcessingResult": result,
        "State": state or (ENABLED if mapping.active else DISABLED),
        "StateTransitionReason": "User action",
        "DestinationConfig": {"OnFailure": {} if settings.on_failure is None else {"Destination": settings.on_failure}},
        "MaximumRecordAgeInSeconds": settings.maximum_record_age_in_seconds,
        "BisectBatchOnFunctionError": settings.bisect_batch_on_function_error,
        "MaximumRetryAttempts": settings.maximum_retry_attempts,
        "TumblingWindowInSeconds": settings.tumbling_window_in_seconds,
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if settings.report_batch_item_failures else [],
        **({"MetricsConfig": {"Metrics": ["EventCount"]}} if settings.event_count_metrics else {}),
        "EventSourceMappingArn": mapping_arn(options, mapping.uuid),
    }
