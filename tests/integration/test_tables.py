"""Operations on tables from outside: descriptions, listing, every change, and what is refused in which order."""

from __future__ import annotations

import re

import pytest

from tests.integration.tables import create, n, s, schema, unique_name

OOMPV = "One or more parameter values were invalid: "
DETECTED = "1 validation error detected: "
NULL = "failed to satisfy constraint: Member must not be null"
REQUIRED = "The parameter 'TableName' is required but was not present in the request"
LENGTH = "TableName must be at least 3 characters long and at most 255 characters long"
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
NEITHER = (
    f"{OOMPV}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
)
BOTH = f"{OOMPV}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
NOTHING = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
    "SSESpecification or ReplicaUpdates is required"
)


def units(reads, writes):
    return {"ProvisionedThroughput": {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}}


def stream(view_type, *, enabled=True):
    return {"StreamSpecification": {"StreamEnabled": enabled} | ({"StreamViewType": view_type} if view_type else {})}


def describe(wire, name):
    return wire.call("DescribeTable", TableName=name)["Table"]


def is_validation(wire, operation, request, message):
    refused = wire.refusal(operation, request)
    assert (refused.code, refused.message) == ("ValidationException", message)


# -- descriptions --


def test_an_on_demand_table_is_described_as_it_was_created(wire):
    name = unique_name()
    created = wire.call("CreateTable", TableName=name, **schema("pk:S sk:N"), **ON_DEMAND)["TableDescription"]
    assert created["TableStatus"] == "CREATING"
    assert created["BillingModeSummary"] == {"BillingMode": "PAY_PER_REQUEST"}
    table = describe(wire, name)
    assert table["TableStatus"] == "ACTIVE"
    assert table["KeySchema"] == schema("pk:S sk:N")["KeySchema"]
    assert table["AttributeDefinitions"] == schema("pk:S sk:N")["AttributeDefinitions"]
    assert table["ProvisionedThroughput"] == {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": 0,
        "WriteCapacityUnits": 0,
    }
    assert (table["ItemCount"], table["TableSizeBytes"], table["DeletionProtectionEnabled"]) == (0, 0, False)
    assert table["TableArn"] == f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}"
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", table["TableId"])
    assert table["TableId"] == created["TableId"]
    assert table["CreationDateTime"] == created["CreationDateTime"]
    assert table["WarmThroughput"] == {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"}
    absent = {"StreamSpecification", "LatestStreamArn", "TableClassSummary", "SSEDescription", "LocalSecondaryIndexes"}
    assert not absent & table.keys()


def test_a_provisioned_table_has_its_units_and_no_billing_mode(wire):
    name = unique_name()
    created = wire.call("CreateTable", TableName=name, **schema("pk:B"), **units(3, 7))["TableDescription"]
    assert created["ProvisionedThroughput"] == {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": 3,
        "WriteCapacityUnits": 7,
    }
    assert "BillingModeSummary" not in created
    assert "BillingModeSummary" not in describe(wire, name)


def test_item_count_and_size_follow_the_writes(wire):
    name = create(wire)
    wire.call("PutItem", TableName=name, Item={"pk": s("a"), "v": n(123)})
    wire.call("PutItem", TableName=name, Item={"pk": s("b")})
    table = describe(wire, name)
    assert (table["ItemCount"], table["TableSizeBytes"]) == (2, 3 + 4 + 3)
    wire.call("DeleteItem", TableName=name, Key={"pk": s("a")})
    table = describe(wire, name)
    assert (table["ItemCount"], table["TableSizeBytes"]) == (1, 3)


def test_table_class_and_deletion_protection_are_described_when_set(wire):
    table = describe(wire, create(wire, TableClass="STANDARD_INFREQUENT_ACCESS", DeletionProtectionEnabled=True))
    assert table["TableClassSummary"] == {"TableClass": "STANDARD_INFREQUENT_ACCESS"}
    assert table["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize("view_type", ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"])
def test_a_table_with_a_stream_says_so_everywhere(wire, view_type):
    name = unique_name()
    created = wire.call("CreateTable", TableName=name, **schema("pk:S"), **ON_DEMAND, **stream(view_type))
    for table in (created["TableDescription"], describe(wire, name)):
        assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": view_type}
        assert table["LatestStreamArn"] == f"{table['TableArn']}/stream/{table['LatestStreamLabel']}"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", table["LatestStreamLabel"])


def test_a_stream_disabled_at_creation_leaves_no_trace(wire):
    table = describe(wire, create(wire, **stream(None, enabled=False)))
    assert not {"StreamSpecification", "LatestStreamArn", "LatestStreamLabel"} & table.keys()


# -- names --


@pytest.mark.parametrize("operation", ["CreateTable", "DescribeTable", "UpdateTable", "DeleteTable"])
def test_a_missing_name_has_its_own_words(wire, operation):
    is_validation(wire, operation, {"BillingMode": "x"}, REQUIRED)


BAD_CHARACTERS = (
    f"{DETECTED}Value 'a b!' at 'tableName' failed to satisfy constraint: Member must satisfy "
    "regular expression pattern: [a-zA-Z0-9_.-]+"
)


@pytest.mark.parametrize(
    ("name", "message"), [("ab", LENGTH), ("", LENGTH), ("x" * 256, LENGTH), ("a b!", BAD_CHARACTERS)]
)
@pytest.mark.parametrize("operation", ["DescribeTable", "UpdateTable", "DeleteTable"])
def test_a_bad_name_of_an_existing_table_is_refused(wire, operation, name, message):
    is_validation(wire, operation, {"TableName": name}, message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "ab",
            (
                f"{DETECTED}Value 'ab' at 'tableName' failed to satisfy constraint: Member must have "
                "length greater than or equal to 3"
            ),
        ),
        (
            "x" * 256,
            (
                f"{DETECTED}Value '{'x' * 256}' at 'tableName' failed to satisfy constraint: Member must "
                "have length less than or equal to 255"
            ),
        ),
        ("a b!", BAD_CHARACTERS),
    ],
)
def test_a_bad_name_of_a_new_table_is_refused_alone(wire, name, message):
    is_validation(wire, "CreateTable", {"TableName": name, "BillingMode": "x"}, message)


@pytest.mark.parametrize("operation", ["DescribeTable", "UpdateTable", "DeleteTable"])
def test_an_unknown_table_is_named(wire, operation):
    more = {"DeletionProtectionEnabled": True} if operation == "UpdateTable" else {}
    refused = wire.refusal(operation, {"TableName": "nowhere", **more})
    assert refused.code == "ResourceNotFoundException"
    assert refused.message == "Requested resource not found: Table: nowhere not found"


@pytest.mark.parametrize("name", ["abc", "a.b", "A_b-1", "x" * 255, "..."])
def test_every_name_of_the_pattern_can_be_a_table(wire, name):
    create(wire, TableName=name)
    assert describe(wire, name)["TableName"] == name
    wire.call("DeleteTable", TableName=name)


# -- CreateTable --

VALID = schema("pk:S") | ON_DEMAND
TYPE = "failed to satisfy constraint: Member must satisfy enum value set: "


def keys(*pairs):
    return {"KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in pairs]}


def definitions(*pairs):
    return {"AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in pairs]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        # constraints
        ({"BillingMode": "x"}, f"{DETECTED}Value 'x' at 'billingMode' {TYPE}[PROVISIONED, PAY_PER_REQUEST]"),
        ({"KeySchema": None}, f"{DETECTED}Value null at 'keySchema' {NULL}"),
        ({"AttributeDefinitions": None}, f"{DETECTED}Value null at 'attributeDefinitions' {NULL}"),
        (
            {"KeySchema": []},
            (
                f"{DETECTED}Value '[]' at 'keySchema' failed to satisfy constraint: Member must have "
                "length greater than or equal to 1"
            ),
        ),
        (keys(("pk", "x")), f"{DETECTED}Value 'x' at 'keySchema.1.member.keyType' {TYPE}[HASH, RANGE]"),
        (
            definitions(("pk", "SS")),
            f"{DETECTED}Value 'SS' at 'attributeDefinitions.1.member.attributeType' {TYPE}[B, N, S]",
        ),
        ({"TableClass": "x"}, f"{DETECTED}Value 'x' at 'tableClass' {TYPE}[STANDARD, STANDARD_INFREQUENT_ACCESS]"),
        (
            units(0, 1),
            (
                f"{DETECTED}Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy "
                "constraint: Member must have value greater than or equal to 1"
            ),
        ),
        (
            {"ProvisionedThroughput": {"ReadCapacityUnits": 1}},
            f"{DETECTED}Value null at 'provisionedThroughput.writeCapacityUnits' {NULL}",
        ),
        (
            {"ProvisionedThroughput": {}},
            (
                "2 validation errors detected: Value null at 'provisionedThroughput.writeCapacityUnits' "
                f"{NULL}; Value null at 'provisionedThroughput.readCapacityUnits' {NULL}"
            ),
        ),
        # throughput
        (units(1, 1), NEITHER),
        ({"BillingMode": None}, BOTH),
        ({"BillingMode": "PROVISIONED"}, BOTH),
        (
            {"BillingMode": None} | units(10**12 + 1, 1),
            "Given value 1000000000001 for ReadCapacityUnits is out of bounds",
        ),
        # keys
        (keys(("pk", "HASH"), ("pk", "RANGE")), "Invalid KeySchema: Some index key attribute have no definition"),
        (keys(("pk", "HASH"), ("sk", "RANGE")), "Invalid KeySchema: Some index key attribute have no definition"),
        (
            keys(("other", "HASH")),
            (
                f"{OOMPV}Some index key attributes are not defined in AttributeDefinitions. Keys: "
                "[other], AttributeDefinitions: [pk]"
            ),
        ),
        (
            keys(("pk", "HASH"), ("pk", "RANGE")) | definitions(("pk", "S"), ("sk", "S")),
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ),
        (keys(("pk", "RANGE")), "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
        (
            schema("pk:S sk:S") | keys(("pk", "HASH"), ("sk", "HASH")),
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        ),
        (
            definitions(("pk", "S"), ("sk", "S")),
            (
                f"{OOMPV}Number of attributes in KeySchema does not exactly match number of attributes "
                "defined in AttributeDefinitions"
            ),
        ),
        # stream
        (
            stream("KEYS_ONLY", enabled=False),
            f"{OOMPV}Table is being created with a stream disabled, UpdateViewType should not be specified",
        ),
        (
            stream("x"),
            (
                f"{DETECTED}Value 'x' at 'streamSpecification.streamViewType' {TYPE}[KEYS_ONLY, "
                "NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES]"
            ),
        ),
        ({"StreamSpecification": {}}, f"{DETECTED}Value null at 'streamSpecification.streamEnabled' {NULL}"),
        # order
        (units(1, 1) | keys(("other", "HASH")), NEITHER),
        (
            keys(("pk", "RANGE")) | stream("KEYS_ONLY", enabled=False),
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_table_that_can_not_be_created_is_refused(wire, change, message):
    request = {name: value for name, value in (VALID | change).items() if value is not None}
    name = unique_name()
    is_validation(wire, "CreateTable", {"TableName": name, **request}, message)
    assert wire.refusal("DescribeTable", {"TableName": name}).code == "ResourceNotFoundException"


def test_more_than_two_key_elements_are_refused_by_length(wire):
    request = schema("pk:S sk:S") | keys(("a", "HASH"), ("b", "RANGE"), ("c", "RANGE"))
    refused = wire.refusal("CreateTable", {"TableName": unique_name(), **request, **ON_DEMAND})
    assert refused.message.startswith(f"{DETECTED}Value '[")
    assert refused.message.endswith(
        "' at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2"
    )


def test_enabling_a_stream_needs_a_view_type(wire):
    refused = wire.refusal("CreateTable", {"TableName": unique_name(), **VALID, **stream(None)})
    assert refused.code == "ValidationException"


def test_a_table_is_created_once_and_that_is_checked_last(wire):
    name = create(wire)
    refused = wire.refusal("CreateTable", {"TableName": name, **VALID})
    assert (refused.code, refused.message) == ("ResourceInUseException", f"Table already exists: {name}")
    assert wire.refusal("CreateTable", {"TableName": name, **schema("pk:S")}).message == BOTH


# -- ListTables --


def test_tables_are_listed_in_order_page_by_page(wire):
    names = [create(wire, TableName=f"list-{letter}") for letter in "bCa9"]
    expected = sorted(names)
    request = {"ExclusiveStartTableName": "list-", "Limit": 2}
    first = wire.call("ListTables", **request)
    assert first == {"TableNames": expected[:2], "LastEvaluatedTableName": expected[1]}
    request["ExclusiveStartTableName"] = first["LastEvaluatedTableName"]
    assert wire.call("ListTables", **request)["TableNames"] == expected[2:]
    every = wire.call("ListTables")["TableNames"]
    assert every == sorted(every)


def test_the_last_page_of_tables_has_no_start_for_another(wire):
    last = create(wire, TableName="zzz-last")
    assert wire.call("ListTables", ExclusiveStartTableName="zzz") == {"TableNames": [last]}
    assert wire.call("ListTables", ExclusiveStartTableName="zzz", Limit=1) == {"TableNames": [last]}
    assert wire.call("ListTables", ExclusiveStartTableName=last) == {"TableNames": []}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"Limit": 0},
            f"{DETECTED}Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            {"Limit": 101},
            f"{DETECTED}Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100",
        ),
        (
            {"ExclusiveStartTableName": "ab", "Limit": 0},
            (
                "2 validation errors detected: Value 'ab' at 'exclusiveStartTableName' failed to satisfy "
                "constraint: Member must have length greater than or equal to 3; Value '0' at 'limit' "
                "failed to satisfy constraint: Member must have value greater than or equal to 1"
            ),
        ),
        (
            {"ExclusiveStartTableName": "a;"},
            (
                "2 validation errors detected: Value 'a;' at 'exclusiveStartTableName' failed to satisfy "
                "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value 'a;' "
                "at 'exclusiveStartTableName' failed to satisfy constraint: Member must have length "
                "greater than or equal to 3"
            ),
        ),
    ],
)
def test_bounds_of_a_listing_are_checked(wire, request_, message):
    is_validation(wire, "ListTables", request_, message)


# -- UpdateTable --


@pytest.fixture
def provisioned(wire):
    name = unique_name()
    wire.call("CreateTable", TableName=name, **schema("pk:S"), **units(5, 5))
    return name


def test_throughput_changes_with_the_answer_still_showing_the_old(wire, provisioned):
    shown = wire.call("UpdateTable", TableName=provisioned, **units(6, 4))["TableDescription"]
    assert shown["TableStatus"] == "UPDATING"
    throughput = shown["ProvisionedThroughput"]
    assert (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) == (5, 5)
    assert {"LastIncreaseDateTime", "LastDecreaseDateTime"} <= throughput.keys()
    table = describe(wire, provisioned)
    assert table["TableStatus"] == "ACTIVE"
    throughput = table["ProvisionedThroughput"]
    assert (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) == (6, 4)
    assert throughput["NumberOfDecreasesToday"] == 1


def test_billing_switches_to_on_demand_and_back(wire, provisioned):
    wire.call("UpdateTable", TableName=provisioned, BillingMode="PAY_PER_REQUEST")
    table = describe(wire, provisioned)
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] > 0
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    wire.call("UpdateTable", TableName=provisioned, BillingMode="PAY_PER_REQUEST")
    wire.call("UpdateTable", TableName=provisioned, BillingMode="PROVISIONED", **units(2, 3))
    table = describe(wire, provisioned)
    assert table["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 3


def test_protection_and_class_can_be_changed_alone(wire, provisioned):
    wire.call("UpdateTable", TableName=provisioned, DeletionProtectionEnabled=True)
    wire.call("UpdateTable", TableName=provisioned, TableClass="STANDARD_INFREQUENT_ACCESS")
    table = describe(wire, provisioned)
    assert (table["DeletionProtectionEnabled"], table["TableClassSummary"]) == (
        True,
        {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
    )


UNCHANGED = (
    "The provisioned throughput for the table will not change. The requested value equals the current value. "
    "Current ReadCapacityUnits provisioned for the table: 5. Requested ReadCapacityUnits: 5. "
    "Current WriteCapacityUnits provisioned for the table: 5. Requested WriteCapacityUnits: 5. "
    "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, NOTHING),
        (schema("pk:S") | {"KeySchema": None}, NOTHING),
        (units(5, 5), UNCHANGED),
        (units(5, 5) | {"BillingMode": "PROVISIONED"}, UNCHANGED),
        (units(5, 5) | {"BillingMode": "PAY_PER_REQUEST"}, NEITHER),
        (
            {"BillingMode": "PROVISIONED"},
            f"{OOMPV}ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
        ),
        (units(6, 10**13), "Given value 10000000000000 for WriteCapacityUnits is out of bounds"),
        (
            units(0, 1),
            (
                f"{DETECTED}Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy "
                "constraint: Member must have value greater than or equal to 1"
            ),
        ),
        (units(9, 9) | stream("KEYS_ONLY"), f"{OOMPV}You cannot modify stream status while updating table IOPS"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_change_that_is_none_or_not_allowed_is_refused(wire, provisioned, change, message):
    request = {name: value for name, value in change.items() if value is not None}
    before = describe(wire, provisioned)
    is_validation(wire, "UpdateTable", {"TableName": provisioned, **request}, message)
    assert describe(wire, provisioned) == before


def test_units_of_an_on_demand_table_can_not_be_set(wire):
    is_validation(wire, "UpdateTable", {"TableName": create(wire), **units(1, 1)}, NEITHER)


# -- streams of tables --


def test_a_stream_is_enabled_disabled_and_enabled_anew(wire):
    name = create(wire)
    shown = wire.call("UpdateTable", TableName=name, **stream("NEW_IMAGE"))["TableDescription"]
    assert (shown["TableStatus"], shown["StreamSpecification"]["StreamViewType"]) == ("UPDATING", "NEW_IMAGE")
    first = describe(wire, name)
    assert first["LatestStreamArn"] == shown["LatestStreamArn"]
    wire.call("UpdateTable", TableName=name, **stream(None, enabled=False))
    disabled = describe(wire, name)
    assert "StreamSpecification" not in disabled
    assert disabled["LatestStreamArn"] == first["LatestStreamArn"]
    wire.call("UpdateTable", TableName=name, **stream("KEYS_ONLY"))
    second = describe(wire, name)
    assert second["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert second["LatestStreamLabel"] > first["LatestStreamLabel"]


def test_other_changes_leave_the_stream_alone(wire):
    name = create(wire, stream="NEW_IMAGE")
    arn = describe(wire, name)["LatestStreamArn"]
    wire.call("UpdateTable", TableName=name, DeletionProtectionEnabled=True)
    wire.call("UpdateTable", TableName=name, BillingMode="PROVISIONED", **units(1, 1))
    assert describe(wire, name)["LatestStreamArn"] == arn


@pytest.mark.parametrize("view_type", ["NEW_IMAGE", "KEYS_ONLY"])
def test_an_enabled_stream_can_not_be_enabled_again(wire, view_type):
    name = create(wire, stream="NEW_IMAGE")
    is_validation(
        wire,
        "UpdateTable",
        {"TableName": name, **stream(view_type)},
        f"Table already has an enabled stream: TableName: {name}",
    )


def test_a_stream_that_is_not_enabled_can_not_be_disabled(wire):
    refused = wire.refusal("UpdateTable", {"TableName": create(wire), **stream(None, enabled=False)})
    assert refused.code == "ValidationException"
    assert re.search("stream.*disable", refused.message)


def test_a_view_type_can_not_come_with_disabling(wire):
    name = create(wire, stream="NEW_IMAGE")
    assert (
        wire.refusal("UpdateTable", {"TableName": name, **stream("NEW_IMAGE", enabled=False)}).code
        == "ValidationException"
    )


# -- DeleteTable --


def test_a_deleted_table_is_gone_with_its_items_and_can_be_made_anew(wire):
    name = create(wire, stream="NEW_IMAGE")
    before = describe(wire, name)
    wire.call("PutItem", TableName=name, Item={"pk": s("a")})
    shown = wire.call("DeleteTable", TableName=name)["TableDescription"]
    assert (shown["TableName"], shown["TableStatus"]) == (name, "DELETING")
    assert not {"AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"} & shown.keys()
    assert name not in wire.call("ListTables", ExclusiveStartTableName=name[:-1])["TableNames"]
    for operation, content in (
        ("GetItem", {"Key": {"pk": s("a")}}),
        ("PutItem", {"Item": {"pk": s("a")}}),
        ("Scan", {}),
    ):
        assert wire.refusal(operation, {"TableName": name, **content}).code == "ResourceNotFoundException"
    create(wire, "pk:N", TableName=name)
    after = describe(wire, name)
    assert after["TableId"] != before["TableId"]
    assert (after["ItemCount"], after["TableSizeBytes"], "LatestStreamArn" in after) == (0, 0, False)
    assert wire.items("Scan", TableName=name) == []


def test_a_protected_table_is_not_deleted_until_the_protection_ends(wire):
    name = create(wire, DeletionProtectionEnabled=True)
    is_validation(
        wire,
        "DeleteTable",
        {"TableName": name},
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
    )
    wire.call("UpdateTable", TableName=name, DeletionProtectionEnabled=False)
    wire.call("DeleteTable", TableName=name)
