"""What mappings can't be, with the errors and texts of Lambda (spec: lambda-esm, and the recordings)."""

from __future__ import annotations

import pytest

from cdc.lambda_api import mapping_settings

MAPPINGS = "/2015-03-31/event-source-mappings"
INVALID, CONSTRAINT, CONTENT = "InvalidParameterValueException", "ValidationException", "InvalidRequestContentException"
NO_STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2020-01-01T00:00:00.000"


def constraint(value, name, rule):
    return f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {rule}"


def most(value):
    return f"Member must have value less than or equal to {value}"


def least(value):
    return f"Member must have value greater than or equal to {value}"


QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
UNSUPPORTED = "Unsupported {} parameter for given event source mapping type."
BOTH = (
    "2 validation errors detected: Value '0' at 'batchSize' failed to satisfy constraint: Member must have value greater "
    "than or equal to 1; Value '11' at 'parallelizationFactor' failed to satisfy constraint: Member must have value less "
    "than or equal to 10"
)
CREATE = [
    # recorded
    ({"EventSourceArn": None}, INVALID, "Unrecognized event source."),
    ({"FunctionName": "nobody"}, INVALID, "Function does not exist"),
    (
        {"FunctionName": "nobody", "EventSourceArn": QUEUE, "StartingPosition": None},
        INVALID,
        "Function does not exist",
    ),
    ({"EventSourceArn": NO_STREAM}, INVALID, f"Stream not found: {NO_STREAM}"),
    (
        {"StartingPosition": None},
        INVALID,
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    ),
    (
        {"StartingPosition": "invalid"},
        CONSTRAINT,
        constraint(
            "invalid",
            "startingPosition",
            "Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
        ),
    ),
    (
        {
            "DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:000000000000:q"}},
            "FunctionName": "x",
        },
        INVALID,
        UNSUPPORTED.format("DestinationConfig"),
    ),
    # of the model
    (
        {"FunctionName": None},
        CONSTRAINT,
        "1 validation error detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null",
    ),
    ({"BatchSize": 0}, CONSTRAINT, constraint(0, "batchSize", least(1))),
    ({"BatchSize": 10_001}, CONSTRAINT, constraint(10_001, "batchSize", most(10_000))),
    ({"MaximumBatchingWindowInSeconds": 301}, CONSTRAINT, constraint(301, "maximumBatchingWindowInSeconds", most(300))),
    ({"MaximumBatchingWindowInSeconds": -1}, CONSTRAINT, constraint(-1, "maximumBatchingWindowInSeconds", least(0))),
    ({"ParallelizationFactor": 0}, CONSTRAINT, constraint(0, "parallelizationFactor", least(1))),
    ({"ParallelizationFactor": 11}, CONSTRAINT, constraint(11, "parallelizationFactor", most(10))),
    ({"MaximumRecordAgeInSeconds": -2}, CONSTRAINT, constraint(-2, "maximumRecordAgeInSeconds", least(-1))),
    (
        {"MaximumRecordAgeInSeconds": 604_801},
        CONSTRAINT,
        constraint(604_801, "maximumRecordAgeInSeconds", most(604_800)),
    ),
    (
        {"MaximumRecordAgeInSeconds": 0},
        CONSTRAINT,
        constraint(0, "maximumRecordAgeInSeconds", least(60) + ", or be -1"),
    ),
    (
        {"MaximumRecordAgeInSeconds": 59},
        CONSTRAINT,
        constraint(59, "maximumRecordAgeInSeconds", least(60) + ", or be -1"),
    ),
    ({"MaximumRetryAttempts": -2}, CONSTRAINT, constraint(-2, "maximumRetryAttempts", least(-1))),
    ({"MaximumRetryAttempts": 10_001}, CONSTRAINT, constraint(10_001, "maximumRetryAttempts", most(10_000))),
    ({"TumblingWindowInSeconds": 901}, CONSTRAINT, constraint(901, "tumblingWindowInSeconds", most(900))),
    (
        {"FunctionResponseTypes": ["ReportBatchItemFailures"] * 2},
        CONSTRAINT,
        constraint(
            "[ReportBatchItemFailures, ReportBatchItemFailures]",
            "functionResponseTypes",
            "Member must have length less than or equal to 1",
        ),
    ),
    (
        {"FunctionResponseTypes": ["x"]},
        CONSTRAINT,
        constraint(
            "[x]",
            "functionResponseTypes",
            "Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures], Member must "
            "not be null]",
        ),
    ),
    (
        {"BatchSize": 0, "ParallelizationFactor": 11},
        CONSTRAINT,
        BOTH,
    ),
    # of other sources
    ({"Queues": ["q"]}, INVALID, UNSUPPORTED.format("Queues")),
    ({"Topics": ["t"]}, INVALID, UNSUPPORTED.format("Topics")),
    ({"ScalingConfig": {"MaximumConcurrency": 2}}, INVALID, UNSUPPORTED.format("ScalingConfig")),
    ({"ProvisionedPollerConfig": {"MinimumPollers": 1}}, INVALID, UNSUPPORTED.format("ProvisionedPollerConfig")),
    ({"StartingPositionTimestamp": 1.0}, INVALID, UNSUPPORTED.format("StartingPositionTimestamp")),
    ({"SelfManagedEventSource": {"Endpoints": {"a": ["b"]}}}, INVALID, UNSUPPORTED.format("SelfManagedEventSource")),
    ({"MetricsConfig": {"Metrics": ["ErrorCount"]}}, INVALID, UNSUPPORTED.format("ErrorCount")),
    # of cdc
    (
        {"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"},
        INVALID,
        "KMSKeyArn is not supported by cdc: filters are stored as they are",
    ),
    (
        {"EventSourceArn": QUEUE, "StartingPosition": None},
        INVALID,
        f"Unrecognized event source. cdc reads streams of DynamoDB: {QUEUE} is not the ARN of one",
    ),
    (
        {"FunctionName": "audit:live"},
        INVALID,
        "Function does not exist: cdc has no versions and aliases, and so no live of audit",
    ),
    (
        {"TumblingWindowInSeconds": 60, "ParallelizationFactor": 2},
        INVALID,
        "TumblingWindowInSeconds needs a ParallelizationFactor of 1: a window's state belongs to a whole shard",
    ),
    # JSON types
    ({"BatchSize": "5"}, CONTENT, "Could not parse request body into json: expected a whole number as BatchSize"),
    ({"BatchSize": True}, CONTENT, "Could not parse request body into json: expected a whole number as BatchSize"),
    ({"Enabled": "yes"}, CONTENT, "Could not parse request body into json: expected true or false as Enabled"),
    ({"FilterCriteria": []}, CONTENT, "Could not parse request body into json: expected an object as FilterCriteria"),
    ({"FunctionName": 5}, CONTENT, "Could not parse request body into json: expected a text as FunctionName"),
    ({"Tags": {"a": 1}}, CONTENT, "Could not parse request body into json: expected a text as Tags"),
    (
        {"FunctionResponseTypes": "x"},
        CONTENT,
        "Could not parse request body into json: expected a list as FunctionResponseTypes",
    ),
]


@pytest.mark.parametrize(("change", "code", "text"), CREATE)
def test_a_mapping_is_refused_in_lambda_s_words(change, code, text, lambda_, stream_arn, service):
    request = {"FunctionName": "audit", "EventSourceArn": stream_arn, "StartingPosition": "TRIM_HORIZON"} | change
    error = lambda_.refusal("POST", MAPPINGS, request)
    assert (error.code, str(error), error.status) == (code, text, 400)
    assert error.body() == {**({} if code == CONSTRAINT else {"Type": "User"}), "message": text}
    assert service.mappings() == []


def test_a_stream_has_no_position_at_a_time(lambda_, stream_arn):
    request = {"FunctionName": "audit", "EventSourceArn": stream_arn, "StartingPosition": "AT_TIMESTAMP"}
    error = lambda_.refusal("POST", MAPPINGS, request)
    assert (error.code, str(error)) == (INVALID, f"Unsupported starting position for arn type: {stream_arn}")


@pytest.mark.parametrize(
    "pattern", ["", "eventName", '"text"', "[]", "{", '{"eventName": "INSERT"}', '{"a":[{"prefix":1}]}']
)
def test_a_pattern_that_is_none_is_refused_with_the_reason(pattern, lambda_, stream_arn):
    request = {
        "FunctionName": "audit",
        "EventSourceArn": stream_arn,
        "StartingPosition": "LATEST",
        "FilterCriteria": {"Filters": [{"Pattern": pattern}]},
    }
    error = lambda_.refusal("POST", MAPPINGS, request)
    assert error.code == INVALID
    assert str(error) == "Invalid filter pattern definition."  # as recorded
    assert error.body()["Reason"].startswith("filter 1: ")


@pytest.mark.parametrize(
    ("filters", "reason"),
    [([{}], "a filter without a Pattern"), ([{"Pattern": '{"a":["b"]}'}] * 11, "11 filters: expected at most 10")],
)
def test_filters_that_can_t_be_are_refused(filters, reason, lambda_, stream_arn):
    request = {
        "FunctionName": "audit",
        "EventSourceArn": stream_arn,
        "StartingPosition": "LATEST",
        "FilterCriteria": {"Filters": filters},
    }
    assert lambda_.refusal("POST", MAPPINGS, request).body() == {
        "Type": "User",
        "message": "Invalid filter pattern definition.",
        "Reason": reason,
    }


@pytest.mark.parametrize(
    ("destination", "text"),
    [
        ("arn:aws:sqs:us-east-1:123456789012:q.fifo", "is a FIFO queue"),
        ("arn:aws:kinesis:us-east-1:123456789012:stream/s", "is an ARN of kinesis"),
        ("kafka://topic", "Kafka topics are destinations of Kafka sources alone"),
        ("queue", "Invalid destination queue: expected the ARN of"),
        ("file:relative.jsonl", "is relative"),
        ("https://user:secret@example.com/", "has a user in it"),
    ],
)
def test_a_destination_that_can_t_be_is_refused_with_the_reason(destination, text, lambda_, stream_arn):
    request = {
        "FunctionName": "audit",
        "EventSourceArn": stream_arn,
        "StartingPosition": "LATEST",
        "DestinationConfig": {"OnFailure": {"Destination": destination}},
    }
    error = lambda_.refusal("POST", MAPPINGS, request)
    assert error.code == INVALID
    assert text in str(error)


def test_a_queue_can_be_named_only_where_boto3_is(lambda_, stream_arn, monkeypatch):
    monkeypatch.setattr(mapping_settings, "has_boto3", lambda: False)
    request = {
        "FunctionName": "audit",
        "EventSourceArn": stream_arn,
        "StartingPosition": "LATEST",
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:q"}},
    }
    assert "Invalid destination arn:aws:sqs:us-east-1:123456789012:q: " in str(
        lambda_.refusal("POST", MAPPINGS, request)
    )


@pytest.mark.parametrize(
    "destination",
    [
        "file:/srv/failed.jsonl",
        "https://example.com/failed",
        "arn:aws:s3:::failed",
        "arn:aws:sns:us-east-1:123456789012:t",
    ],
)
def test_the_destinations_of_cdc_are_taken(destination, lambda_, stream_arn):
    request = {
        "FunctionName": "audit",
        "EventSourceArn": stream_arn,
        "StartingPosition": "LATEST",
        "DestinationConfig": {"OnFailure": {"Destination": destination}},
    }
    assert lambda_.call("POST", MAPPINGS, request).body["DestinationConfig"]["OnFailure"]["Destination"] == destination


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"BatchSize": 0}, CONSTRAINT),
        ({"FunctionName": "nobody"}, INVALID),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}, INVALID),
        ({"ParallelizationFactor": 2, "TumblingWindowInSeconds": 1}, INVALID),
        ({"SourceAccessConfigurations": [{"Type": "VPC_SUBNET"}]}, INVALID),
        ({"MaximumRecordAgeInSeconds": 5}, CONSTRAINT),
    ],
)
def test_an_update_is_refused_like_a_creation_and_changes_nothing(change, code, lambda_, stream_arn):
    request = {"FunctionName": "audit", "EventSourceArn": stream_arn, "StartingPosition": "LATEST"}
    uuid = lambda_.call("POST", MAPPINGS, request).body["UUID"]
    before = lambda_.call("GET", f"{MAPPINGS}/{uuid}").body
    assert lambda_.refusal("PUT", f"{MAPPINGS}/{uuid}", {"BisectBatchOnFunctionError": True} | change).code == code
    assert lambda_.call("GET", f"{MAPPINGS}/{uuid}").body == before


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"MaxItems": 0}, CONSTRAINT),
        ({"MaxItems": 10_001}, CONSTRAINT),
        ({"MaxItems": "x"}, CONTENT),
        ({"Marker": "?"}, INVALID),
    ],
)
def test_a_list_is_refused_with_what_would_be_right(query, code, lambda_):
    assert lambda_.refusal("GET", MAPPINGS, **query).code == code


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff"])
def test_a_body_has_to_be_a_json_object(body, lambda_):
    error = lambda_.refusal("POST", MAPPINGS, body)
    assert error.code == CONTENT
    assert str(error).startswith("Could not parse request body into json: ")
