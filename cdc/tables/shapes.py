"""The requests of the table operations: members and bounds of the service's model, with the order of its messages."""

from __future__ import annotations

from cdc.model.constraints import (
    BAD_TABLE_NAME_LENGTH,
    TABLE_NAME_MAX,
    TABLE_NAME_PATTERN,
    AttributeMap,
    AttributeValueOf,
    Boolean,
    Enum,
    Integer,
    ListOf,
    Long,
    MapOf,
    String,
    TableName,
)
from cdc.model.indexes import MAX_KEY_ATTRIBUTES
from cdc.model.request_shapes import Member, NotYet, Shape, Structure
from cdc.model.values import MAX_NAME_BYTES

MISSING_TABLE_NAME = "The parameter 'TableName' is required but was not present in the request"

_RETURN_VALUES = Enum("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")
_SELECT = Enum("SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES")
BILLING_MODE = Enum("PROVISIONED", "PAY_PER_REQUEST")
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

_COMPARISON = Enum(
    *("IN", "NULL", "BETWEEN", "LT", "NOT_CONTAINS", "EQ", "GT", "NOT_NULL", "NE", "LE", "BEGINS_WITH", "GE"),
    "CONTAINS",
)
_VALUE = Member("Value", AttributeValueOf())
_VALUE_LIST = Member("AttributeValueList", ListOf(AttributeValueOf()))
_CONDITIONS = MapOf(
    Structure("Condition", _VALUE_LIST, Member("ComparisonOperator", _COMPARISON, required=True)),
)
_CONDITIONAL_OPERATOR = Member("ConditionalOperator", Enum("OR", "AND"))
_ATTRIBUTES_TO_GET = Member("AttributesToGet", ListOf(String(0, MAX_NAME_BYTES), 1, 255))
_EXPECTED = MapOf(
    Structure(
        "ExpectedAttributeValue",
        _VALUE,
        Member("Exists", Boolean()),
        _VALUE_LIST,
        Member("ComparisonOperator", _COMPARISON),
    )
)
_ATTRIBUTE_UPDATES = MapOf(
    Structure("AttributeValueUpdate", _VALUE, Member("Action", Enum("ADD", "PUT", "DELETE"))),
)

_ON_FAILURE = Enum("ALL_OLD", "NONE")

_WRITING = (
    Member("ReturnValues", _RETURN_VALUES),
    Member("ReturnValuesOnConditionCheckFailure", _ON_FAILURE),
    Member("ConditionExpression", String()),
    _NAMES,
    _VALUES,
    Member("Expected", _EXPECTED),
    _CONDITIONAL_OPERATOR,
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
    Member("AttributeUpdates", _ATTRIBUTE_UPDATES),
)
DELETE_ITEM = Shape("DeleteItem", _TABLE, _CAPACITY, _COLLECTION_METRICS, _KEY, *_WRITING)
GET_ITEM = Shape("GetItem", _TABLE, _CAPACITY, _KEY, _CONSISTENT, _PROJECTION, _NAMES, _ATTRIBUTES_TO_GET)

INDEX_NAME = String(3, 255, TABLE_NAME_PATTERN)
_READING = (
    Member("IndexName", INDEX_NAME),
    Member("Select", _SELECT),
    Member("ExclusiveStartKey", AttributeMap()),
    Member("FilterExpression", String()),
    _CONSISTENT,
    _PROJECTION,
    _NAMES,
    _VALUES,
    _ATTRIBUTES_TO_GET,
    _CONDITIONAL_OPERATOR,
)

QUERY = Shape(
    "Query",
    _TABLE,
    _CAPACITY,
    Member("Limit", Integer(1, zero_unechoed=True)),
    *_READING,
    Member("KeyConditionExpression", String()),
    Member("ScanIndexForward", Boolean()),
    Member("KeyConditions", _CONDITIONS),
    Member("QueryFilter", _CONDITIONS),
)
SCAN = Shape(
    "Scan",
    _TABLE,
    _CAPACITY,
    Member("Limit", Integer(1)),
    *_READING,
    Member("TotalSegments", Integer(1, 1_000_000)),
    Member("Segment", Integer(0, 999_999)),
    Member("ScanFilter", _CONDITIONS),
)

_KEYS_AND_ATTRIBUTES = Structure(
    "KeysAndAttributes",
    Member("Keys", ListOf(AttributeMap(), 1, 100, maximum_unechoed=True), required=True),
    _CONSISTENT,
    _PROJECTION,
    _NAMES,
    _ATTRIBUTES_TO_GET,
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

_ACTION_CONDITION = (
    Member("ReturnValuesOnConditionCheckFailure", _ON_FAILURE),
    _NAMES,
    _VALUES,
)
_CONDITION = Member("ConditionExpression", String())
_TRANSACT_WRITE_ITEM = Structure(
    "TransactWriteItem",
    Member(
        "ConditionCheck",
        Structure(
            "ConditionCheck",
            _TABLE,
            _KEY,
            Member("ConditionExpression", String(), required=True),
            *_ACTION_CONDITION,
        ),
    ),
    Member(
        "Put",
        Structure("Put", _TABLE, Member("Item", AttributeMap(), required=True), _CONDITION, *_ACTION_CONDITION),
    ),
    Member("Delete", Structure("Delete", _TABLE, _KEY, _CONDITION, *_ACTION_CONDITION)),
    Member(
        "Update",
        Structure(
            "Update",
            _TABLE,
            _KEY,
            Member("UpdateExpression", String(), required=True),
            _CONDITION,
            *_ACTION_CONDITION,
        ),
    ),
)
_TRANSACT_GET_ITEM = Structure(
    "TransactGetItem", Member("Get", Structure("Get", _TABLE, _KEY, _PROJECTION, _NAMES), required=True)
)
MAX_ACTIONS = 100
"""Of a transaction."""

TRANSACT_WRITE_ITEMS = Shape(
    "TransactWriteItems",
    _CAPACITY,
    _COLLECTION_METRICS,
    Member("ClientRequestToken", String(1, 36)),
    Member("TransactItems", ListOf(_TRANSACT_WRITE_ITEM, 1, MAX_ACTIONS), required=True),
)
TRANSACT_GET_ITEMS = Shape(
    "TransactGetItems",
    _CAPACITY,
    Member("TransactItems", ListOf(_TRANSACT_GET_ITEM, 1, MAX_ACTIONS), required=True),
)

_ATTRIBUTE_NAME = Member("AttributeName", String(1, 255), required=True)
PROVISIONED_THROUGHPUT = Structure(
    "ProvisionedThroughput",
    Member("WriteCapacityUnits", Long(1), required=True),
    Member("ReadCapacityUnits", Long(1), required=True),
)
_THROUGHPUT = Member("ProvisionedThroughput", PROVISIONED_THROUGHPUT)
_KEY_SCHEMA_ELEMENT = Structure(
    "KeySchemaElement", _ATTRIBUTE_NAME, Member("KeyType", Enum("HASH", "RANGE"), required=True)
)
KEY_SCHEMA = ListOf(_KEY_SCHEMA_ELEMENT, 1, 2)
_GLOBAL_KEY_SCHEMA = ListOf(_KEY_SCHEMA_ELEMENT, 1, MAX_KEY_ATTRIBUTES)
DEFINITIONS = ListOf(
    Structure("AttributeDefinition", _ATTRIBUTE_NAME, Member("AttributeType", Enum("B", "N", "S"), required=True))
)
_PROJECTED = Member(
    "Projection",
    Structure(
        "Projection",
        Member("ProjectionType", Enum("ALL", "INCLUDE", "KEYS_ONLY")),
        Member("NonKeyAttributes", ListOf(String(1, 255), 1, 20)),
    ),
    required=True,
)
_NAME_OF_INDEX = Member("IndexName", INDEX_NAME, required=True)
ON_DEMAND_THROUGHPUT = Structure(
    "OnDemandThroughput", Member("MaxReadRequestUnits", Long()), Member("MaxWriteRequestUnits", Long())
)
_MAXIMUM_AND_WARMTH = (
    Member(
        "WarmThroughput",
        Structure("WarmThroughput", Member("ReadUnitsPerSecond", Long()), Member("WriteUnitsPerSecond", Long())),
    ),
    Member("OnDemandThroughput", ON_DEMAND_THROUGHPUT),
)
_INDEX_THROUGHPUT = (_THROUGHPUT, *_MAXIMUM_AND_WARMTH)
_NEW_GLOBAL_INDEX = (
    Member("KeySchema", _GLOBAL_KEY_SCHEMA, required=True),
    _PROJECTED,
    _NAME_OF_INDEX,
    *_INDEX_THROUGHPUT,
)
LOCAL_INDEXES = Member(
    "LocalSecondaryIndexes",
    ListOf(
        Structure("LocalSecondaryIndex", _NAME_OF_INDEX, Member("KeySchema", KEY_SCHEMA, required=True), _PROJECTED)
    ),
)
GLOBAL_INDEXES = Member("GlobalSecondaryIndexes", ListOf(Structure("GlobalSecondaryIndex", *_NEW_GLOBAL_INDEX)))
_INDEX_UPDATES = Member(
    "GlobalSecondaryIndexUpdates",
    ListOf(
        Structure(
            "GlobalSecondaryIndexUpdate",
            Member("Update", Structure("UpdateGlobalSecondaryIndexAction", _NAME_OF_INDEX, *_INDEX_THROUGHPUT)),
            Member("Create", Structure("CreateGlobalSecondaryIndexAction", *_NEW_GLOBAL_INDEX)),
            Member("Delete", Structure("DeleteGlobalSecondaryIndexAction", _NAME_OF_INDEX)),
        )
    ),
)
_STREAM = Member(
    "StreamSpecification",
    Structure(
        "StreamSpecification",
        Member("StreamEnabled", Boolean(), required=True),
        Member("StreamViewType", _VIEW_TYPE),
    ),
)
SSE_SPECIFICATION = Structure(
    "SSESpecification",
    Member("Enabled", Boolean()),
    Member("SSEType", Enum("AES256", "KMS")),
    Member("KMSMasterKeyId", String()),
)
_SETTINGS = (
    _STREAM,
    Member("SSESpecification", SSE_SPECIFICATION),
    Member("TableClass", _TABLE_CLASS),
    Member("DeletionProtectionEnabled", Boolean()),
    *_MAXIMUM_AND_WARMTH,
    NotYet("GlobalTableSettingsReplicationMode"),
)
TAGS = ListOf(
    Structure("Tag", Member("Key", String(1, 128), required=True), Member("Value", String(0, 256), required=True))
)

CREATE_TABLE = Shape(
    "CreateTable",
    Member("TableName", TableName(3), missing=MISSING_TABLE_NAME),
    Member("BillingMode", BILLING_MODE),
    _THROUGHPUT,
    Member("KeySchema", KEY_SCHEMA, required=True),
    Member("AttributeDefinitions", DEFINITIONS, required=True),
    LOCAL_INDEXES,
    GLOBAL_INDEXES,
    *_SETTINGS,
    NotYet(
        "VectorIndexes",
        "ResourcePolicy",
        "GlobalTableSourceArn",
    ),
    Member("Tags", TAGS),
)
UPDATE_TABLE = Shape(
    "UpdateTable",
    _EXISTING_TABLE,
    Member("BillingMode", BILLING_MODE),
    _THROUGHPUT,
    Member("AttributeDefinitions", DEFINITIONS),
    _INDEX_UPDATES,
    *_SETTINGS,
    NotYet(
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
