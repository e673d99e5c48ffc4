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

DESCRIBE_CONTRIBUTOR_INSIGHTS = Shape("DescribeContributorInsights", TABLE, NotYet("IndexName"))
UPDATE_CONTRIBUTOR_INSIGHTS = Shape(
    "UpdateContributorInsights",
    TABLE,
    Member("ContributorInsightsAction", Enum("ENABLE", "DISABLE"), required=True),
    NotYet("IndexName", "ContributorInsightsMode"),
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
    NotYet("GlobalSecondaryIndexOverride", "LocalSecondaryIndexOverride", "VectorIndexOverride"),
)
