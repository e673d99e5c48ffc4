"""What this version does not have is refused, by name, and never silently ignored: held against the SDK's own model."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest

from tests.integration.tables import create, s, schema, unique_name
from tests.integration.wire import STREAM_OPERATIONS

# Sound requests of the operations that this version has; `t` stands for a table, which is there.
SOUND = {
    "CreateTable": {"TableName": "NEW", "BillingMode": "PAY_PER_REQUEST", **schema("pk:S")},
    "DescribeTable": {"TableName": "t"},
    "ListTables": {},
    "UpdateTable": {"TableName": "t", "TableClass": "STANDARD"},
    "DeleteTable": {"TableName": "t"},
    "PutItem": {"TableName": "t", "Item": {"pk": s("a")}},
    "GetItem": {"TableName": "t", "Key": {"pk": s("a")}},
    "UpdateItem": {"TableName": "t", "Key": {"pk": s("a")}},
    "DeleteItem": {"TableName": "t", "Key": {"pk": s("a")}},
    "Query": {
        "TableName": "t",
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": s("a")},
    },
    "Scan": {"TableName": "t"},
    "BatchGetItem": {"RequestItems": {"t": {"Keys": [{"pk": s("a")}]}}},
    "BatchWriteItem": {"RequestItems": {"t": [{"PutRequest": {"Item": {"pk": s("a")}}}]}},
    "TransactWriteItems": {"TransactItems": [{"Put": {"TableName": "t", "Item": {"pk": s("a")}}}]},
    "TransactGetItems": {"TransactItems": [{"Get": {"TableName": "t", "Key": {"pk": s("a")}}}]},
    "UpdateTimeToLive": {"TableName": "t", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"}},
    "DescribeTimeToLive": {"TableName": "t"},
    "TagResource": {"ResourceArn": "ARN", "Tags": [{"Key": "k", "Value": "v"}]},
    "UntagResource": {"ResourceArn": "ARN", "TagKeys": ["k"]},
    "ListTagsOfResource": {"ResourceArn": "ARN"},
    "CreateBackup": {"TableName": "t", "BackupName": "not-yet"},
    "ListBackups": {},
    "DescribeBackup": {"BackupArn": "BACKUP"},
    "RestoreTableFromBackup": {"TargetTableName": "NEW", "BackupArn": "BACKUP"},
    "DeleteBackup": {"BackupArn": "BACKUP"},
    "ExportTableToPointInTime": {"TableArn": "ARN", "S3Bucket": "bucket"},
    "DescribeExport": {"ExportArn": "EXPORT"},
    "ListExports": {},
    "ImportTable": {
        "S3BucketSource": {"S3Bucket": "bucket", "S3KeyPrefix": "nothing/"},
        "InputFormat": "CSV",
        "TableCreationParameters": {"TableName": "NEW", "BillingMode": "PAY_PER_REQUEST", **schema("pk:S")},
    },
    "DescribeImport": {"ImportArn": "IMPORT"},
    "ListImports": {},
    "DescribeLimits": {},
    "DescribeEndpoints": {},
    "DescribeContinuousBackups": {"TableName": "t"},
    "UpdateContinuousBackups": {
        "TableName": "t",
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    },
    "DescribeContributorInsights": {"TableName": "t"},
    "UpdateContributorInsights": {"TableName": "t", "ContributorInsightsAction": "ENABLE"},
    "ListContributorInsights": {},
    "ExecuteStatement": {"Statement": "SELECT * FROM {t}"},
    "BatchExecuteStatement": {"Statements": [{"Statement": "DELETE FROM {t} WHERE pk = 'a'"}]},
    "ExecuteTransaction": {"TransactStatements": [{"Statement": "DELETE FROM {t} WHERE pk = 'a'"}]},
    "ListStreams": {},
    "DescribeStream": {"StreamArn": "arn"},
    "GetShardIterator": {"StreamArn": "arn", "ShardId": "shard", "ShardIteratorType": "LATEST"},
    "GetRecords": {"ShardIterator": "iterator"},
}
# Members of these operations that this version knows, with a value that changes how it answers or is refused as such.
IMPLEMENTED = {
    "CreateTable": {
        "TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput", "StreamSpecification",
        "TableClass", "DeletionProtectionEnabled", "LocalSecondaryIndexes", "GlobalSecondaryIndexes", "Tags",
        "OnDemandThroughput", "WarmThroughput", "SSESpecification",
    },
    "DescribeTable": {"TableName"},
    "ListTables": {"ExclusiveStartTableName", "Limit"},
    "UpdateTable": {
        "TableName", "AttributeDefinitions", "BillingMode", "ProvisionedThroughput", "StreamSpecification",
        "TableClass", "DeletionProtectionEnabled", "GlobalSecondaryIndexUpdates", "OnDemandThroughput",
        "WarmThroughput", "SSESpecification",
    },
    "DeleteTable": {"TableName"},
    "PutItem": {
        "TableName", "Item", "ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues",
        "ReturnValues", "ReturnValuesOnConditionCheckFailure", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics",
        "Expected", "ConditionalOperator",
    },
    "GetItem": {
        "TableName", "Key", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames",
        "ReturnConsumedCapacity", "AttributesToGet",
    },
    "Query": {
        "TableName", "IndexName", "Select", "Limit", "ConsistentRead", "ScanIndexForward", "ExclusiveStartKey",
        "ReturnConsumedCapacity", "ProjectionExpression", "FilterExpression", "KeyConditionExpression",
        "ExpressionAttributeNames", "ExpressionAttributeValues", "AttributesToGet", "QueryFilter", "KeyConditions",
        "ConditionalOperator",
    },
    "Scan": {
        "TableName", "IndexName", "Select", "Limit", "ConsistentRead", "ExclusiveStartKey", "ReturnConsumedCapacity",
        "TotalSegments", "Segment", "ProjectionExpression", "FilterExpression", "ExpressionAttributeNames",
        "ExpressionAttributeValues", "AttributesToGet", "ScanFilter", "ConditionalOperator",
    },
    "BatchGetItem": {"RequestItems", "ReturnConsumedCapacity"},
    "BatchWriteItem": {"RequestItems", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"},
    "TransactWriteItems": {
        "TransactItems", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics", "ClientRequestToken",
    },
    "TransactGetItems": {"TransactItems", "ReturnConsumedCapacity"},
    "UpdateTimeToLive": {"TableName", "TimeToLiveSpecification"},
    "DescribeTimeToLive": {"TableName"},
    "TagResource": {"ResourceArn", "Tags"},
    "UntagResource": {"ResourceArn", "TagKeys"},
    "ListTagsOfResource": {"ResourceArn", "NextToken"},
    "CreateBackup": {"TableName", "BackupName"},
    "ListBackups": {
        "TableName", "Limit", "TimeRangeLowerBound", "TimeRangeUpperBound", "ExclusiveStartBackupArn", "BackupType",
    },
    "DescribeBackup": {"BackupArn"},
    "RestoreTableFromBackup": {
        "TargetTableName", "BackupArn", "BillingModeOverride", "ProvisionedThroughputOverride",
        "OnDemandThroughputOverride", "SSESpecificationOverride", "GlobalSecondaryIndexOverride",
        "LocalSecondaryIndexOverride",
    },
    "DeleteBackup": {"BackupArn"},
    "ExportTableToPointInTime": {
        "TableArn", "ExportTime", "ClientToken", "S3Bucket", "S3BucketOwner", "S3Prefix", "S3SseAlgorithm",
        "S3SseKmsKeyId", "ExportFormat", "ExportType",
    },
    "DescribeExport": {"ExportArn"},
    "ListExports": {"TableArn", "MaxResults", "NextToken"},
    "ImportTable": {
        "ClientToken", "S3BucketSource", "InputFormat", "InputFormatOptions", "InputCompressionType",
        "TableCreationParameters",
    },
    "DescribeImport": {"ImportArn"},
    "ListImports": {"TableArn", "PageSize", "NextToken"},
    "DescribeLimits": set(),
    "DescribeEndpoints": set(),
    "DescribeContinuousBackups": {"TableName"},
    "UpdateContinuousBackups": {"TableName", "PointInTimeRecoverySpecification"},
    "DescribeContributorInsights": {"TableName", "IndexName"},
    "UpdateContributorInsights": {"TableName", "ContributorInsightsAction", "IndexName", "ContributorInsightsMode"},
    "ListContributorInsights": {"TableName", "MaxResults", "NextToken"},
    "ExecuteStatement": {
        "Statement", "Parameters", "ConsistentRead", "NextToken", "ReturnConsumedCapacity", "Limit",
        "ReturnValuesOnConditionCheckFailure",
    },
    "BatchExecuteStatement": {"Statements", "ReturnConsumedCapacity"},
    "ExecuteTransaction": {"TransactStatements", "ReturnConsumedCapacity", "ClientRequestToken"},
    "ListStreams": {"TableName", "Limit", "ExclusiveStartStreamArn"},
    "DescribeStream": {"StreamArn", "Limit", "ExclusiveStartShardId", "ShardFilter"},
    "GetShardIterator": {"StreamArn", "ShardId", "ShardIteratorType", "SequenceNumber", "Timestamp"},
    "GetRecords": {"ShardIterator", "Limit"},
}  # fmt: skip
IMPLEMENTED["DeleteItem"] = IMPLEMENTED["PutItem"] - {"Item"} | {"Key"}
IMPLEMENTED["UpdateItem"] = IMPLEMENTED["DeleteItem"] | {"UpdateExpression", "AttributeUpdates"}

_session = botocore.session.get_session()
MODELS = [_session.get_service_model(service) for service in ("dynamodb", "dynamodbstreams")]
SHAPES = {name: model.operation_model(name).input_shape for model in MODELS for name in model.operation_names}


def value_of(shape):
    """Make up a value of a shape of the model, with all that it requires."""
    if shape.type_name == "structure":
        return {name: value_of(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [value_of(shape.member)]
    if shape.type_name == "map":
        return {"a": value_of(shape.value)}
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "a" * max(1, shape.metadata.get("min", 1))
    return {"boolean": True, "integer": 1, "long": 1, "double": 1.5, "timestamp": 1.5, "blob": "YQ=="}[shape.type_name]


# Operations that are sound once.
ONCE = {"DeleteTable", "UpdateTimeToLive", "DeleteBackup"}


@pytest.fixture(scope="module")
def names(wire):
    """Have a table and what belongs to it; returns what stands for them in requests, with what they are."""
    table = create(wire, stream="NEW_IMAGE")
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}"
    wire.call("UpdateContinuousBackups", **SOUND["UpdateContinuousBackups"] | {"TableName": table})
    export = wire.call("ExportTableToPointInTime", TableArn=arn, S3Bucket="bucket")["ExportDescription"]
    new = with_names(SOUND["ImportTable"], {})
    imported = wire.call("ImportTable", **new)["ImportTableDescription"]
    backup = wire.call("CreateBackup", TableName=table, BackupName="not-yet")["BackupDetails"]["BackupArn"]
    arns = {"ARN": arn, "BACKUP": backup, "EXPORT": export["ExportArn"], "IMPORT": imported["ImportArn"]}
    return {"t": table, **arns}


def with_names(value, names):
    """Put the names of what there is for what stands for them, as values or as keys; and for NEW a name of its own."""
    if value == "NEW":
        return unique_name()
    if isinstance(value, dict):
        return {names.get(key, key): with_names(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_names(inner, names) for inner in value]
    if isinstance(value, str):
        return names.get(value, value.replace("{t}", str(names.get("t"))))
    return value


def test_the_requests_here_are_sound_but_for_the_streams(wire, names):
    once = names | {"t": create(wire)}
    for operation, request in SOUND.items():
        if operation not in STREAM_OPERATIONS | {"DeleteTable", "DeleteBackup"}:
            wire.call(operation, **with_names(request, once if operation in ONCE else names))


@pytest.mark.parametrize("operation", sorted(SHAPES.keys() - SOUND.keys()))
def test_an_operation_that_is_not_here_yet_is_refused_by_name(wire, operation):
    refused = wire.refusal(operation, value_of(SHAPES[operation]))
    assert (refused.status, refused.code) == (400, "ValidationException")
    assert refused.message == f"{operation} is not supported by this version of cdc"


MISSING = [
    (operation, member)
    for operation in SOUND
    for member in SHAPES[operation].members
    if member not in IMPLEMENTED[operation]
]


def test_every_operation_of_the_model_is_known():
    assert SOUND.keys() == IMPLEMENTED.keys() <= SHAPES.keys()
    assert all(IMPLEMENTED[operation] <= SHAPES[operation].members.keys() for operation in SOUND)
    assert len(MISSING) > 10


@pytest.mark.parametrize(("operation", "member"), MISSING)
def test_a_member_that_is_not_here_yet_is_refused_by_name_whatever_its_value(wire, names, operation, member):
    request = with_names(SOUND[operation], names)
    values: list[Any] = [value_of(SHAPES[operation].members[member]), {}, [], "", 0, False]
    for value in values:
        refused = wire.refusal(operation, request | {member: value})
        assert (refused.status, refused.code) == (400, "ValidationException")
        assert refused.message == f"{operation}: {member} is not supported by this version of cdc"
    if operation not in ONCE:
        wire.call(operation, **request | {member: None})


# A value of each known member that must show: in another answer than without it, or in a refusal.
TELLING = {
    "TableName": "nowhere", "AttributeDefinitions": [{}], "KeySchema": [], "BillingMode": "x", "TableClass": "x",
    "ProvisionedThroughput": {}, "StreamSpecification": {}, "DeletionProtectionEnabled": "x",
    "LocalSecondaryIndexes": [], "GlobalSecondaryIndexes": [], "GlobalSecondaryIndexUpdates": [{}],
    "IndexName": "nope", "TransactItems": [], "ClientRequestToken": "",
    "ExclusiveStartTableName": "x", "Limit": 0, "Item": {}, "Key": {}, "ConditionExpression": "x",
    "ExpressionAttributeNames": {}, "ExpressionAttributeValues": {}, "ReturnValues": "x",
    "ReturnValuesOnConditionCheckFailure": "x", "ReturnConsumedCapacity": "x", "ReturnItemCollectionMetrics": "x",
    "ConsistentRead": "x", "ProjectionExpression": "", "UpdateExpression": "", "Select": "x", "ScanIndexForward": "x",
    "ExclusiveStartKey": {}, "FilterExpression": "", "KeyConditionExpression": "", "TotalSegments": 0, "Segment": -1,
    "RequestItems": {}, "ExclusiveStartStreamArn": "x", "StreamArn": "x", "ExclusiveStartShardId": "x",
    "ShardFilter": {}, "ShardId": "x", "ShardIteratorType": "x", "SequenceNumber": "x", "Timestamp": "x",
    "ShardIterator": "x", "TimeToLiveSpecification": {}, "ResourceArn": "x", "Tags": [{}], "TagKeys": [""],
    "PointInTimeRecoverySpecification": {}, "ContributorInsightsAction": "x", "ContributorInsightsMode": "x", "MaxResults": 0,
    "OnDemandThroughput": {"MaxReadRequestUnits": 0}, "WarmThroughput": {"ReadUnitsPerSecond": 0},
    "SSESpecification": {"KMSMasterKeyId": "x"}, "BackupName": "x", "BackupArn": "x", "TargetTableName": "x",
    "TableArn": "x", "ExportTime": "x", "ClientToken": "$", "S3Bucket": "!", "S3BucketOwner": "x",
    "S3Prefix": "x" * 1025, "S3SseAlgorithm": "x", "S3SseKmsKeyId": "", "ExportFormat": "x", "ExportType": "x",
    "ExportArn": "x", "NextToken": "x", "PageSize": 0, "ImportArn": "x", "S3BucketSource": {}, "InputFormat": "x",
    "InputFormatOptions": "x", "InputCompressionType": "x", "TableCreationParameters": {}, "TimeRangeLowerBound": "x", "TimeRangeUpperBound": "x", "ExclusiveStartBackupArn": "x", "BackupType": "x",
    "BillingModeOverride": "x", "ProvisionedThroughputOverride": {}, "SSESpecificationOverride": {"KMSMasterKeyId": "x"},
    "OnDemandThroughputOverride": {"MaxReadRequestUnits": 0}, "GlobalSecondaryIndexOverride": [{}],
    "LocalSecondaryIndexOverride": [{}],
    "AttributesToGet": [], "Expected": {"a": {}}, "ConditionalOperator": "x",
    "AttributeUpdates": {"a": {}}, "KeyConditions": {}, "QueryFilter": {"a": {}}, "ScanFilter": {"a": {}},
    "Statement": "x", "Statements": [], "TransactStatements": [], "Parameters": [],
}  # fmt: skip


ANY_VALUE_WILL_DO = {
    ("CreateTable", "TableName"),  # every name is good for a new table
    ("ListBackups", "TableName"),  # a name that no table has gives an empty listing
    ("ListExports", "TableArn"),  # the same
    ("ListExports", "NextToken"),  # any text is a place in the order
    ("ListImports", "TableArn"),  # as of exports
    ("ListContributorInsights", "TableName"),  # the same
    ("ListContributorInsights", "NextToken"),  # any text is the place of a name
    ("ListTagsOfResource", "NextToken"),  # tested with tags that fill pages
    ("ListStreams", "TableName"),  # a name that no table has gives a listing without streams
}
PRESENT = [
    (operation, member)
    for operation in SOUND
    for member in sorted(IMPLEMENTED[operation])
    if (operation, member) not in ANY_VALUE_WILL_DO
]


@pytest.mark.parametrize(("operation", "member"), PRESENT)
def test_a_member_that_is_here_is_looked_at(wire, names, operation, member):
    request = with_names(SOUND[operation], names)
    assert wire.refusal(operation, request | {member: TELLING[member]}).status == 400


@pytest.mark.parametrize("limit", [2**31, 2**63, 2**64, 10**30])
def test_a_number_too_large_for_its_type_is_no_fault_of_the_server(wire, names, limit):
    reply = wire.post("Scan", json.dumps({"TableName": names["t"], "Limit": limit}).encode())
    assert reply.status in {200, 400}
    units = {"ReadCapacityUnits": limit, "WriteCapacityUnits": 1}
    request = {"TableName": "not-yet-new", **schema("pk:S"), "ProvisionedThroughput": units}
    if limit > 10**12:
        assert wire.refusal("CreateTable", request).status == 400
