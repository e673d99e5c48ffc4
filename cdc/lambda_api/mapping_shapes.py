"""What may stand in requests that make and change event source mappings (Lambda: CreateEventSourceMapping, Update…)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cdc.lambda_api.checks import Anything, Listed, Pairs, Structure, Switch, Text, Whole
from cdc.model.function_names import NAME_PATTERN
from cdc.model.lambda_errors import InvalidParameterValueException

if TYPE_CHECKING:
    from cdc.lambda_api.checks import Kind

TAGS = Pairs(Text(1, 128), Text(0, 256))
FUNCTION_NAME = Text(1, 256, NAME_PATTERN)
_ARN = Text(
    0,
    10_000,
    r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
)
_DESTINATION = Structure({"Destination": Text()})
_SETTINGS: dict[str, Kind] = {
    "FunctionName": FUNCTION_NAME,
    "Enabled": Switch(),
    "BatchSize": Whole(1, 10_000),
    "FilterCriteria": Structure({"Filters": Listed(Structure({"Pattern": Text(0, 4096)}))}),
    "KMSKeyArn": Text(0, 10_000),
    "MetricsConfig": Structure({"Metrics": Listed(Text(choices=("EventCount", "ErrorCount", "KafkaMetrics")), 3)}),
    "MaximumBatchingWindowInSeconds": Whole(0, 300),
    "ParallelizationFactor": Whole(1, 10),
    "DestinationConfig": Structure({"OnSuccess": _DESTINATION, "OnFailure": _DESTINATION}),
    "MaximumRecordAgeInSeconds": Whole(-1, 604_800),
    "BisectBatchOnFunctionError": Switch(),
    "MaximumRetryAttempts": Whole(-1, 10_000),
    "TumblingWindowInSeconds": Whole(0, 900),
    "FunctionResponseTypes": Listed(Text(choices=("ReportBatchItemFailures",)), 1),
}
_OF_OTHER_SOURCES = (
    *("StartingPositionTimestamp", "Topics", "Queues", "SourceAccessConfigurations", "SelfManagedEventSource"),
    *("AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig", "DocumentDBEventSourceConfig"),
    *("ProvisionedPollerConfig", "ScalingConfig", "LoggingConfig"),
)
_OTHERS: dict[str, Kind] = dict.fromkeys(_OF_OTHER_SOURCES, Anything())

CREATE = Structure(
    MappingProxyType(
        {
            "EventSourceArn": _ARN,
            "StartingPosition": Text(choices=("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON")),
            "Tags": TAGS,
            **_SETTINGS,
            **_OTHERS,
        }
    ),
    frozenset({"FunctionName"}),
)
UPDATE = Structure(MappingProxyType({**_SETTINGS, **_OTHERS}))


def refuse_other_sources(body: dict[str, Any]) -> None:
    """Refuse parameters that a DynamoDB stream's mapping doesn't have. Raises: InvalidParameterValueException."""
    destinations = body.get("DestinationConfig") or {}
    if (destinations.get("OnSuccess") or {}).get("Destination"):
        _unsupported("DestinationConfig")
    for name in _OF_OTHER_SOURCES:
        if body.get(name):
            _unsupported(name)
    if body.get("KMSKeyArn"):
        raise InvalidParameterValueException("KMSKeyArn is not supported by cdc: filters are stored as they are")
    for metric in (body.get("MetricsConfig") or {}).get("Metrics") or ():
        if metric != "EventCount":
            _unsupported(metric)


def _unsupported(name: str) -> None:
    raise InvalidParameterValueException(f"Unsupported {name} parameter for given event source mapping type.")
