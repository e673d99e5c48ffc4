"""The requests of the table operations: members and bounds of the service's model, with the order of its messages."""

from __future__ import annotations

from cdc.model.constraints import (
    BAD_TABLE_NAME_LENGTH,
    TABLE_NAME_MAX,
    TABLE_NAME_PATTERN,
    AttributeMap,
    Boolean,
    Enum,
    Integer,
    ListOf,
    Long,
    MapOf,
    String,
    TableName,
)
from cdc.model.request_shapes import Member, NotYet, Shape, Structure

MISSING_TABLE_NAME = "The parameter 'TableName' is required but was not present in the request"

_RETURN_VALUES = Enum("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")
_SELECT = Enum("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES")
_BILLING_MODE = Enum("PROVISIONED", "PAY_PER_REQUEST")
_TABLE_CLASS = Enum("STANDARD", "STANDARD_INFREQUENT_ACCESS")
_VIEW_TYPE = Enum("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")

_TABLE = Member("TableName", TableName(), required=True)
_EXISTING_TABLE = Member("TableName", TableName(3, bad_length=BAD_TABLE_NAME_LENGTH), missing=MISSING_TABLE_NAME)
_KEY = Member("Key", AttributeMap(), required=True)
_CAPACITY = Member("ReturnConsumedCapacity", Enum("INDEXES", "TOTAL", "NONE"))
_COLLECTION_METRICS = Member("ReturnItemCollectionMetrics", Enum("SIZE", "NONE"))
_NAMES = Member("ExpressionAttributeNames", MapOf(String()))
_VALUES = Member("ExpressionAttributeValues", AttributeMap())
_PROJECTION = Member("ProjectionExpression", String())
_CONSISTENT = Member("ConsistentRead", Boolean())

_WRITING = (
    Member("ReturnValues", _RETURN_VALUES),
    Member("ReturnValuesOnConditionCheckFailure", Enum("ALL_OLD", "NONE")),
    Member("ConditionExpression", String()),
    _NAMES,
    _VALUES,
    NotYet("Expected", "ConditionalOperator"),
)

PUT_ITEM = Shape(
    "PutItem",
    _TABLE,
    _CAPACITY,
    _COLLECTION_METRICS,
    Member("Item", AttributeMap(), required=True),
    *_WRITING,
)
UPDATE_ITEM = Shape(
    "UpdateItem",
    _TABLE,
    _CAPACITY,
    _COLLECTION_METRICS,
    _KEY,
    Member("UpdateExpression", String()),
    *_WRITING,
    NotYet("AttributeUpdates"),
)
DELETE_ITEM = Shape("DeleteItem", _TABLE, _CAPACITY, _COLLECTION_METRICS, _KEY, *_WRITING)
GET_ITEM = Shape("GetItem", _TABLE, _CAPACITY, _KEY, _CONSISTENT, _PROJECTION, _NAMES, NotYet("AttributesToGet"))

_READING = (
    Member("Select", _SELECT),
    Member("ExclusiveStartKey", AttributeMap()),
    Member("FilterExpression", String()),
    _CONSISTENT,
    _PROJECTION,
    _NAMES,
    _VALUES,
    NotYet("IndexName", "AttributesToGet", "ConditionalOperator"),
)

QUERY = Shape(
    "Query",
    _TABLE,
    _CAPACITY,
    Member("Limit", Integer(1, zero_unechoed=True)),
    *_READING,
    Member("KeyConditionExpression", String()),
    Member("ScanIndexForward", Boolean()),
    NotYet("KeyConditions", "QueryFilter"),
)
SCAN = Shape(
    "Scan",
    _TABLE,
    _CAPACITY,
    Member("Limit", Integer(1)),
    *_READING,
    Member("TotalSegments", Integer(1, 1_000_000)),
    Member("Segment", Integer(0, 999_999)),
    NotYet("ScanFilter"),
)

_KEYS_AND_ATTRIBUTES = Structure(
    "KeysAndAttributes",
    Member("Keys", ListOf(AttributeMap(), 1, 100, maximum_unechoed=True), required=True),
    _CONSISTENT,
    _PROJECTION,
    _NAMES,
    NotYet("AttributesToGet"),
)
_WRITE_REQUEST = Structure(
    "WriteRequest",
    Member("PutRequest", Structure("PutRequest", Member("Item", AttributeMap(), required=True))),
    Member("DeleteRequest", Structure("DeleteRequest", _KEY)),
)

BATCH_GET_ITEM = Shape(
    "BatchGetItem",
    _CAPACITY,
    Member(
        "RequestItems",
        MapOf(_KEYS_AND_ATTRIBUTES, 1, 100, keys=TableName()),
        missing="The requestItems parameter is required for BatchGetItem",
    ),
)
BATCH_WRITE_ITEM = Shape(
    "BatchWriteItem",
    _CAPACITY,
    _COLLECTION_METRICS,
    Member(
        "RequestItems",
        MapOf(ListOf(_WRITE_REQUEST), 1, 25, keys=TableName(), value_length=(1, 25)),
        missing="The requestItems parameter is required for BatchWriteItem",
    ),
)

_ATTRIBUTE_NAME = Member("AttributeName", String(1, 255), required=True)
_THROUGHPUT = Member(
    "ProvisionedThroughput",
    Structure(
        "ProvisionedThroughput",
        Member("WriteCapacityUnits", Long(1), required=True),
        Member("ReadCapacityUnits", Long(1), required=True),
    ),
)
_KEY_SCHEMA = ListOf(
    Structure("KeySchemaElement", _ATTRIBUTE_NAME, Member("KeyType", Enum("HASH", "RANGE"), required=True)), 1, 2
)
_DEFINITIONS = ListOf(
    Structure("AttributeDefinition", _ATTRIBUTE_NAME, Member("AttributeType", Enum("B", "N", "S"), required=True))
)
_STREAM = Member(
    "StreamSpecification",
    Structure(
        "StreamSpecification",
        Member("StreamEnabled", Boolean(), required=True),
        Member("StreamViewType", _VIEW_TYPE),
    ),
)
_SETTINGS = (
    _STREAM,
    Member("TableClass", _TABLE_CLASS),
    Member("DeletionProtectionEnabled", Boolean()),
    NotYet(
        "SSESpecification",
        "WarmThroughput",
        "OnDemandThroughput",
        "GlobalTableSettingsReplicationMode",
    ),
)

CREATE_TABLE = Shape(
    "CreateTable",
    Member("TableName", TableName(3, arn=False), missing=MISSING_TABLE_NAME),
    Member("BillingMode", _BILLING_MODE),
    _THROUGHPUT,
    Member("KeySchema", _KEY_SCHEMA, required=True),
    Member("AttributeDefinitions", _DEFINITIONS, required=True),
    *_SETTINGS,
    NotYet(
        "LocalSecondaryIndexes",
        "GlobalSecondaryIndexes",
        "VectorIndexes",
        "Tags",
        "ResourcePolicy",
        "GlobalTableSourceArn",
    ),
)
UPDATE_TABLE = Shape(
    "UpdateTable",
    _EXISTING_TABLE,
    Member("BillingMode", _BILLING_MODE),
    _THROUGHPUT,
    Member("AttributeDefinitions", _DEFINITIONS),
    *_SETTINGS,
    NotYet(
        "GlobalSecondaryIndexUpdates",
        "VectorIndexUpdates",
        "ReplicaUpdates",
        "MultiRegionConsistency",
        "GlobalTableWitnessUpdates",
        "DisassociationProtectionEnabled",
    ),
)
DESCRIBE_TABLE = Shape("DescribeTable", _EXISTING_TABLE)
DELETE_TABLE = Shape("DeleteTable", _EXISTING_TABLE)
LIST_TABLES = Shape(
    "ListTables",
    Member("ExclusiveStartTableName", String(3, TABLE_NAME_MAX, TABLE_NAME_PATTERN)),
    Member("Limit", Integer(1, 100)),
)
