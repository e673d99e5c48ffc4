"""From a request to the settings of a mapping, with the checks that take more than one look at a value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdc.lambda_api.checks import refuse
from cdc.mappings.destinations.aws import BOTO3_MISSING, has_boto3
from cdc.mappings.filtering import FilterError, compile_filters
from cdc.model.destinations import DestinationError, needs_aws, parse_destination
from cdc.model.function_names import FunctionName, parse_function_name
from cdc.model.lambda_errors import InvalidParameterValueException

if TYPE_CHECKING:
    from cdc.lambda_api.call import Body
    from cdc.lambda_api.directory import Directory
    from cdc.model.mappings import MappingSettings

AGE_MIN_SECONDS = 60
_FIELDS = {
    "Enabled": "enabled",
    "BatchSize": "batch_size",
    "MaximumBatchingWindowInSeconds": "maximum_batching_window_in_seconds",
    "ParallelizationFactor": "parallelization_factor",
    "MaximumRecordAgeInSeconds": "maximum_record_age_in_seconds",
    "BisectBatchOnFunctionError": "bisect_batch_on_function_error",
    "MaximumRetryAttempts": "maximum_retry_attempts",
    "TumblingWindowInSeconds": "tumbling_window_in_seconds",
}
"""Members of a request that are taken as they are."""


def changed_settings(settings: MappingSettings, body: Body) -> MappingSettings:
    """Change settings by what a request names. Its members have been checked one by one.

    Raises: InvalidParameterValueException, ConstraintException.
    """
    changes: dict[str, Any] = {field: body[name] for name, field in _FIELDS.items() if body.get(name) is not None}
    if body.get("FunctionResponseTypes") is not None:
        changes["report_batch_item_failures"] = bool(body["FunctionResponseTypes"])
    if body.get("FilterCriteria") is not None:
        changes["filters"] = _filters(body["FilterCriteria"])
    if body.get("DestinationConfig") is not None:
        changes["on_failure"] = _destination(body["DestinationConfig"])
    if body.get("MetricsConfig") is not None:
        changes["event_count_metrics"] = bool(body["MetricsConfig"].get("Metrics"))
    changed = replace(settings, **changes)
    _check_together(changed)
    return changed


def function_of(text: str, directory: Directory) -> FunctionName:
    """Find the function that a mapping is to invoke. Raises: InvalidParameterValueException."""
    named = parse_function_name(text)
    if named is None or not directory.exists(named.name):
        raise InvalidParameterValueException("Function does not exist")
    if not named.is_latest:
        raise InvalidParameterValueException(
            f"Function does not exist: cdc has no versions and aliases, and so no {named.qualifier} of {named.name}"
        )
    return named


def _check_together(settings: MappingSettings) -> None:
    age = settings.maximum_record_age_in_seconds
    if 0 <= age < AGE_MIN_SECONDS:
        right = f"Member must have value greater than or equal to {AGE_MIN_SECONDS}, or be -1"
        refuse([f"Value '{age}' at 'maximumRecordAgeInSeconds' failed to satisfy constraint: {right}"])
    if settings.tumbling_window_in_seconds and settings.parallelization_factor > 1:
        raise InvalidParameterValueException(
            "TumblingWindowInSeconds needs a ParallelizationFactor of 1: a window's state belongs to a whole shard"
        )


def _filters(criteria: Body) -> tuple[str, ...]:
    patterns = tuple(each.get("Pattern") for each in criteria.get("Filters") or ())
    try:
        if None in patterns:
            raise FilterError("a filter without a Pattern")  # noqa: TRY301
        compile_filters(patterns)
    except FilterError as error:
        raise InvalidParameterValueException("Invalid filter pattern definition.", Reason=str(error)) from None
    return patterns


def _destination(config: Body) -> str | None:
    text = (config.get("OnFailure") or {}).get("Destination")
    if not text:
        return None
    try:
        destination = parse_destination(text)
    except DestinationError as error:
        raise InvalidParameterValueException(f"Invalid destination {text}: {error}") from None
    if needs_aws(destination) and not has_boto3():
        raise InvalidParameterValueException(f"Invalid destination {text}: {BOTO3_MISSING}")
    return destination.text
