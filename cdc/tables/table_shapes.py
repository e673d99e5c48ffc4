"""The requests of operations on what belongs to a table: TTL, tags, limits, backups, exports, imports."""

from __future__ import annotations

from cdc.model.constraints import (
    BAD_TABLE_NAME_LENGTH,
    Boolean,
    Enum,
    Integer,
    ListOf,
    String,
    TableName,
    Timestamp,
)
from cdc.model.request_shapes import Member, NotYet, Shape, Structure
from cdc.tables.shapes import (
    BILLING_MODE,
    DEFINITIONS,
    GLOBAL_INDEXES,
    INDEX_NAME,
    KEY_SCHEMA,
    LOCAL_INDEXES,
    MISSING_TABLE_NAME,
    ON_DEMAND_THROUGHPUT,
    PROVISIONED_THROUGHPUT,
    SSE_SPECIFICATION,
    TAGS,
)

TABLE = Member("TableName", TableName(), required=True)
_EXISTING_TABLE = Member("TableName", TableName(3, bad_length=BAD_TABLE_NAME_LENGTH), missing=MISSING_TABLE_NAME)

DESCRIBE_TIME_TO_LIVE = Shape("DescribeTimeToLive", _EXISTING_TABLE)
UPDATE_TIME_TO_LIVE = Shape(
    "UpdateTimeToLive",
    _EXISTING_TABLE,
    Member(
        "TimeToLiveSpecification",
        Structure(
            "TimeToLiveSpecification",
            Member("AttributeName", String(1, 255), required=True),
            Member("Enabled", Boolean(), required=True),
        ),
        required=True,
    ),
)

_RESOURCE_ARN = Member("ResourceArn", String(1, 1283), required=True)
TAG_RESOURCE = Shape("TagResource", _RESOURCE_ARN, Member("Tags", TAGS, required=True))
UNTAG_RESOURCE = Shape("UntagResource", _RESOURCE_ARN, Member("TagKeys", ListOf(String(1, 128)), required=True))
LIST_TAGS_OF_RESOURCE = Shape("ListTagsOfResource", _RESOURCE_ARN, Member("NextToken", String()))

DESCRIBE_LIMITS = Shape("DescribeLimits")
DESCRIBE_ENDPOINTS = Shape("DescribeEndpoints")

DESCRIBE_CONTINUOUS_BACKUPS = Shape("DescribeContinuousBackups", TABLE)
UPDATE_CONTINUOUS_BACKUPS = Shape(
    "UpdateContinuousBackups",
    TABLE,
    Member(
        "PointInTimeRecoverySpecification",
        Structure(
            "PointInTimeRecoverySpecification",
            Member("PointInTimeRecoveryEnabled", Boolean(), required=True),
            Member("RecoveryPeriodInDays", Integer(1, 35)),
        ),
        required=True,
    ),
)

_INDEX = Member("IndexName", INDEX_NAME)
DESCRIBE_CONTRIBUTOR_INSIGHTS = Shape("DescribeContributorInsights", TABLE, _INDEX)
UPDATE_CONTRIBUTOR_INSIGHTS = Shape(
    "UpdateContributorInsights",
    TABLE,
    Member("ContributorInsightsAction", Enum("ENABLE", "DISABLE"), required=True),
    _INDEX,
    Member("ContributorInsightsMode", Enum("ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS")),
)
LIST_CONTRIBUTOR_INSIGHTS = Shape(
    "ListContributorInsights",
    Member("TableName", TableName()),
    Member("MaxResults", Integer(None, 100)),
    Member("NextToken", String()),
)

_BACKUP_ARN = Member("BackupArn", String(37, 1024), required=True)
CREATE_BACKUP = Shape("CreateBackup", TABLE, Member("BackupName", String(3, 255, "[a-zA-Z0-9_.-]+"), required=True))
LIST_BACKUPS = Shape(
    "ListBackups",
    Member("TableName", TableName()),
    Member("Limit", Integer(1, 100)),
    Member("TimeRangeLowerBound", Timestamp()),
    Member("TimeRangeUpperBound", Timestamp()),
    Member("ExclusiveStartBackupArn", String(37, 1024)),
    Member("BackupType", Enum("USER", "SYSTEM", "AWS_BACKUP", "ALL")),
)
DESCRIBE_BACKUP = Shape("DescribeBackup", _BACKUP_ARN)
DELETE_BACKUP = Shape("DeleteBackup", _BACKUP_ARN)
RESTORE_TABLE_FROM_BACKUP = Shape(
    "RestoreTableFromBackup",
    Member("TargetTableName", TableName(3, arn=False), required=True),
    _BACKUP_ARN,
    Member("BillingModeOverride", BILLING_MODE),
    Member("ProvisionedThroughputOverride", PROVISIONED_THROUGHPUT),
    Member("OnDemandThroughputOverride", ON_DEMAND_THROUGHPUT),
    Member("SSESpecificationOverride", SSE_SPECIFICATION),
    Member("GlobalSecondaryIndexOverride", GLOBAL_INDEXES.kind),
    Member("LocalSecondaryIndexOverride", LOCAL_INDEXES.kind),
    NotYet("VectorIndexOverride"),
)

_TOKEN = Member("ClientToken", String(0, None, r"[^\$]+"))
_BUCKET = String(0, 255, r"[a-z0-9A-Z]+[\.\-\w]*[a-z0-9A-Z]+")
_BUCKET_OWNER = Member("S3BucketOwner", String(0, None, "[0-9]{12}"))
_TABLE_ARN = String(1, 1024)
EXPORT_TABLE = Shape(
    "ExportTableToPointInTime",
    Member("TableArn", _TABLE_ARN, required=True),
    Member("ExportTime", Timestamp()),
    _TOKEN,
    Member("S3Bucket", _BUCKET, required=True),
    _BUCKET_OWNER,
    Member("S3Prefix", String(0, 1024)),
    Member("S3SseAlgorithm", Enum("AES256", "KMS")),
    Member("S3SseKmsKeyId", String(1, 2048)),
    Member("ExportFormat", Enum("DYNAMODB_JSON", "ION")),
    Member("ExportType", Enum("FULL_EXPORT", "INCREMENTAL_EXPORT")),
    NotYet("IncrementalExportSpecification", "FilterSpecification"),
)
DESCRIBE_EXPORT = Shape("DescribeExport", Member("ExportArn", String(37, 1024), required=True))
LIST_EXPORTS = Shape(
    "ListExports",
    Member("TableArn", _TABLE_ARN),
    Member("MaxResults", Integer(1, 25)),
    Member("NextToken", String()),
)
IMPORT_TABLE = Shape(
    "ImportTable",
    _TOKEN,
    Member(
        "S3BucketSource",
        Structure(
            "S3BucketSource",
            _BUCKET_OWNER,
            Member("S3Bucket", _BUCKET, required=True),
            Member("S3KeyPrefix", String(0, 1024)),
        ),
        required=True,
    ),
    Member("InputFormat", Enum("DYNAMODB_JSON", "ION", "CSV"), required=True),
    Member(
        "InputFormatOptions",
        Structure(
            "InputFormatOptions",
            Member(
                "Csv",
                Structure(
                    "CsvOptions",
                    Member("Delimiter", String(1, 1, r"[,;:|\t ]")),
                    Member("HeaderList", ListOf(String(1, 65_536, r"[\x20-\x21\x23-\x2B\x2D-\x7E]*"), 1, 255)),
                ),
            ),
        ),
    ),
    Member("InputCompressionType", Enum("GZIP", "ZSTD", "NONE")),
    Member(
        "TableCreationParameters",
        Structure(
            "TableCreationParameters",
            Member("TableName", TableName(3, arn=False), required=True),
            Member("BillingMode", BILLING_MODE),
            Member("ProvisionedThroughput", PROVISIONED_THROUGHPUT),
            Member("KeySchema", KEY_SCHEMA, required=True),
            Member("AttributeDefinitions", DEFINITIONS, required=True),
            Member("OnDemandThroughput", ON_DEMAND_THROUGHPUT),
            Member("SSESpecification", SSE_SPECIFICATION),
            GLOBAL_INDEXES,
            NotYet("VectorIndexes"),
        ),
        required=True,
    ),
)
DESCRIBE_IMPORT = Shape("DescribeImport", Member("ImportArn", String(37, 1024), required=True))
LIST_IMPORTS = Shape(
    "ListImports",
    Member("TableArn", _TABLE_ARN),
    Member("PageSize", Integer(1, 25)),
    Member("NextToken", String(112, 1024, "([0-9a-f]{16})+")),
)
