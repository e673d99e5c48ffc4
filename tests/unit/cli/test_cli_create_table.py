from __future__ import annotations

import json

import pytest

from cdc.service import open_service


def describe(folder, name):
    with open_service(folder / "cdc.db") as service:
        return service.describe_table(TableName=name)["Table"]


def test_a_table_has_a_stream_with_both_images_unless_told_otherwise(cli, folder):
    result = cli("create-table", "flights", "--key", "carrier", "--sort", "departure:N")
    assert result.stdout == "created table flights, with a stream (NEW_AND_OLD_IMAGES)\n"
    table = describe(folder, "flights")
    assert table["KeySchema"] == [
        {"AttributeName": "carrier", "KeyType": "HASH"},
        {"AttributeName": "departure", "KeyType": "RANGE"},
    ]
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    assert types == {"carrier": "S", "departure": "N"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_the_stream_can_be_another_or_none(cli, folder):
    assert cli("create-table", "keys", "--key", "id", "--view-type", "KEYS_ONLY").exit_code == 0
    assert cli("create-table", "none", "--key", "id", "--no-stream").exit_code == 0
    assert describe(folder, "keys")["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert "StreamSpecification" not in describe(folder, "none")


def test_a_name_may_have_a_colon_when_its_type_is_told(cli, folder):
    assert cli("create-table", "colon", "--key", "a:b:S").exit_code == 0
    assert json.dumps(describe(folder, "colon")["KeySchema"]).count('"a:b"') == 1


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("orders", "--key", "id:X"), 2, "Invalid value for '--key': id:X: expected NAME, NAME:S, NAME:N or NAME:B"),
        (("orders", "--key", ":S"), 2, "Invalid value for '--key'"),
        (("orders",), 2, "Missing option '--key'"),
        (("orders", "--key", "id", "--no-stream", "--view-type", "KEYS_ONLY"), 2, "--view-type and --no-stream"),
        (("x", "--key", "id"), 1, "ValidationException: "),
    ],
)
def test_what_can_not_be_is_refused(cli, arguments, code, text):
    result = cli("create-table", *arguments)
    assert result.exit_code == code
    assert result.stderr.startswith(f"cdc: {text}")


def test_a_table_that_exists_is_refused(cli, orders):
    result = cli("create-table", orders, "--key", "id")
    assert result.exit_code == 1
    assert result.stderr.startswith("cdc: ResourceInUseException: ")
