"""SELECT over the wire: keys, filters, projections, order, pages and tokens, and what it costs."""

from __future__ import annotations

import pytest

from tests.integration.tables import create, n, s

WRONG = "Statement wasn't well formed, can't be processed: "


@pytest.fixture(scope="module")
def table(wire):
    name = create(wire, "pk:S sk:N")
    for partition in "abc":
        for number in range(6):
            item = {"pk": s(partition), "sk": n(number), "odd": {"BOOL": number % 2 == 1}, "m": {"M": {"x": n(number)}}}
            wire.call("PutItem", TableName=name, Item=item)
    wire.call("PutItem", TableName=name, Item={"pk": s("d"), "sk": n(0), "list": {"L": [s("x"), s("y")]}})
    return name


def select(wire, statement, *parameters, **request):
    if parameters:
        request["Parameters"] = list(parameters)
    return wire.call("ExecuteStatement", Statement=statement, **request)


def keys(items):
    return [f"{item['pk']['S']}{item['sk']['N']}" for item in items]


def pages(wire, statement, limit, **request):
    """Read to the end, each page with the token of the one before."""
    while True:
        page = select(wire, statement, Limit=limit, **request)
        yield page
        if "NextToken" not in page:
            return
        request["NextToken"] = page["NextToken"]


A_ALL = [f"a{number}" for number in range(6)]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("pk = 'a'", A_ALL),
        ("'a' = pk", A_ALL),
        ("pk = 'a' AND sk = 3", ["a3"]),
        ("sk = 3.0 AND pk = 'a'", ["a3"]),
        ("pk = 'a' AND sk < 2", ["a0", "a1"]),
        ("pk = 'a' AND 2 > sk", ["a0", "a1"]),
        ("pk = 'a' AND sk >= 4", ["a4", "a5"]),
        ("pk = 'a' AND sk BETWEEN 1 AND 2", ["a1", "a2"]),
        ("pk = 'a' AND sk > 1 AND sk <= 3", ["a2", "a3"]),
        ("pk = 'a' AND sk > 3 AND sk < 2", []),
        ("pk = 'a' AND sk IN (1, 4)", ["a1", "a4"]),
        ("pk = 'a' AND odd = true", ["a1", "a3", "a5"]),
        ("pk = 'a' AND (sk = 1 OR sk = 2)", ["a1", "a2"]),
        ("pk = 'a' AND NOT sk = 1 AND m.x < 3", ["a0", "a2"]),
        ("pk = 'a' AND pk = 'b'", []),
        ("pk IN ('b', 'a') AND sk = 1", ["b1", "a1"]),
        ("pk IN ['a', 'nowhere', 'a'] AND sk < 1", ["a0"]),
        ("pk = 'nowhere'", []),
        ("pk = 1", []),
        ("pk = 'a' AND sk = '1'", []),
        ("pk = 'a' AND sk < 'x'", []),
        ("pk IN (1, 'a') AND sk = 0", ["a0"]),
    ],
)
def test_conditions_on_keys_and_others_select(wire, table, where, expected):
    assert keys(select(wire, f'SELECT * FROM "{table}" WHERE {where}')["Items"]) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("sk = 0", ["a0", "b0", "c0", "d0"]),
        ("pk = 'a' AND sk = 0 OR pk = 'b' AND sk = 1", ["a0", "b1"]),
        ("list IS NOT MISSING", ["d0"]),
        ("contains(list, 'y') AND size(list) = 2", ["d0"]),
        ("begins_with(pk, 'd')", ["d0"]),
        ("NOT pk IN ('a', 'b', 'c')", ["d0"]),
        ("list[1] = 'y'", ["d0"]),
    ],
)
def test_without_an_equality_on_the_partition_key_all_is_scanned(wire, table, where, expected):
    assert sorted(keys(select(wire, f"SELECT * FROM {table} WHERE {where}")["Items"])) == expected


def test_parameters_stand_for_values(wire, table):
    statement = f"select sk from {table} where pk = ? and sk between ? and ? and m = {{'x': ?}}"
    found = select(wire, statement, s("a"), n(1), n("4.0"), n(2))
    assert found["Items"] == [{"sk": n(2)}]


@pytest.mark.parametrize(
    ("selected", "item"),
    [
        ("pk", {"pk": s("d")}),
        ('"list", nowhere', {"list": {"L": [s("x"), s("y")]}}),
        ("list[1], list[0]", {"list[1]": s("y"), "list[0]": s("x")}),
        ("nowhere", {}),
    ],
)
def test_what_is_named_comes_back_and_no_key_beside_it(wire, table, selected, item):
    assert select(wire, f"SELECT {selected} FROM {table} WHERE pk = 'd'")["Items"] == [item]


def test_a_nested_value_comes_back_under_its_last_name(wire, table):
    assert select(wire, f"SELECT m.x FROM {table} WHERE pk = 'a' AND sk = 2")["Items"] == [{"x": n(2)}]


# --- order and pages


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ORDER BY sk", ["b3", "a3", "b4", "a4", "b5", "a5"]),
        ("ORDER BY sk DESC", ["b5", "a5", "b4", "a4", "b3", "a3"]),
        ("ORDER BY pk", ["a3", "a4", "a5", "b3", "b4", "b5"]),
        ("ORDER BY pk DESC, sk ASC", ["b3", "b4", "b5", "a3", "a4", "a5"]),
        ("", ["b3", "b4", "b5", "a3", "a4", "a5"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 4, 100])
def test_partitions_come_in_the_order_asked_for_whatever_the_pages(wire, table, order, expected, limit):
    statement = f"SELECT * FROM {table} WHERE pk IN ('b', 'a') AND sk > 2 {order}"
    read = list(pages(wire, statement, limit))
    assert [key for page in read for key in keys(page["Items"])] == expected
    assert all(len(page["Items"]) <= limit for page in read)


def test_one_partition_is_read_backwards(wire, table):
    for order in ("ORDER BY sk DESC", "ORDER BY pk DESC"):
        statement = f"SELECT * FROM {table} WHERE pk = 'a' AND sk < 5 {order}"
        found = [key for page in pages(wire, statement, 2) for key in keys(page["Items"])]
        assert found == ["a4", "a3", "a2", "a1", "a0"]


def test_a_limit_bounds_what_is_evaluated_not_what_is_returned(wire, table):
    read = list(pages(wire, f"SELECT * FROM {table} WHERE pk = 'a' AND odd = true", 2))
    assert [keys(page["Items"]) for page in read] == [["a1"], ["a3"], ["a5"], []]
    assert read[0]["LastEvaluatedKey"] == {"pk": s("a"), "sk": n(1)}
    assert "LastEvaluatedKey" not in read[-1]


def test_a_scan_in_pages_gives_every_item_once(wire, table):
    found = [key for page in pages(wire, f"SELECT * FROM {table}", 4) for key in keys(page["Items"])]
    assert len(found) == len(set(found)) == 19


def test_a_page_holds_a_megabyte(wire):
    name = create(wire, "pk:S sk:N")
    for number in range(4):
        item = {"pk": s("a"), "sk": n(number), "big": s("x" * 380_000)}
        wire.call("PutItem", TableName=name, Item=item)
    statement = f"SELECT sk FROM {name} WHERE pk = 'a' AND sk <> 1"
    read = list(pages(wire, statement, 10, ReturnConsumedCapacity="TOTAL"))
    assert [[item["sk"]["N"] for item in page["Items"]] for page in read] == [["0"], ["2", "3"]]
    assert [page["ConsumedCapacity"]["CapacityUnits"] for page in read] == [93.0, 93.0]


def test_a_token_belongs_to_its_statement_and_its_parameters(wire, table):
    statement = f"SELECT * FROM {table} WHERE pk = ?"
    token = select(wire, statement, s("a"), Limit=1)["NextToken"]
    assert len(select(wire, statement, s("a"), NextToken=token)["Items"]) == 5
    other = create(wire, "pk:S sk:N")
    for request in (
        {"Statement": statement, "Parameters": [s("b")]},
        {"Statement": statement + " ", "Parameters": [s("a")]},
        {"Statement": f"SELECT * FROM {other} WHERE pk = ?", "Parameters": [s("a")]},
        {"Statement": f"DELETE FROM {table} WHERE pk = 'nobody' AND sk = 1"},
    ):
        refused = wire.refusal("ExecuteStatement", request | {"NextToken": token})
        assert (refused.code, refused.message) == ("ValidationException", "NextToken does not match request")
    for broken in ("x", "é", token[:-4] + "AAAA", token[4:], "A" * 60):
        refused = wire.refusal("ExecuteStatement", {"Statement": f"SELECT * FROM {table}", "NextToken": broken})
        assert (refused.code, refused.message) == ("ValidationException", "Invalid NextToken")


# --- capacity


@pytest.mark.parametrize(
    ("where", "consistent", "units"),
    [
        ("pk = 'a'", False, 0.5),
        ("pk = 'a' AND sk = 77", False, 0.5),
        ("pk = 'a'", True, 1.0),
        ("odd = true", True, 1.0),
    ],
)
def test_what_is_evaluated_is_charged(wire, table, where, consistent, units):
    request = {"ConsistentRead": consistent, "ReturnConsumedCapacity": "INDEXES"}
    capacity = select(wire, f"SELECT pk FROM {table} WHERE {where}", **request)["ConsumedCapacity"]
    assert capacity == {"TableName": table, "CapacityUnits": units, "Table": {"CapacityUnits": units}}


def test_an_equality_on_the_partition_key_reads_that_partition_alone(wire):
    name = create(wire, "pk:S sk:N")
    for partition in ("a", "b", "c"):
        for number in range(3):
            item = {"pk": s(partition), "sk": n(number), "big": s("x" * 4000)}
            wire.call("PutItem", TableName=name, Item=item)

    def units(where):
        request = {"ReturnConsumedCapacity": "TOTAL", "ConsistentRead": True}
        return select(wire, f"SELECT pk FROM {name} WHERE {where}", **request)["ConsumedCapacity"]["CapacityUnits"]

    assert units("sk = 1") == units("sk = 1 OR pk = 'a'") == 9
    assert units("pk = 'a'") == units("pk = 'a' AND NOT sk = 1") == units("pk = 'a' AND big = 'y'") == 3
    assert units("pk IN ('a', 'b')") == 6
    assert units("pk = 'a' AND sk = 1") == 1
    assert units("pk = 'a' AND sk > 0 AND sk < 2") == 1
    assert units("pk IN ('a', 'b') AND sk = 1") == 2


# --- refusals


LONG_IN = ", ".join(["'x'"] * 51)
WRONG_TYPE = "Incorrect operand type for operator or function; operator or function: {}, operand type: {}"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("hello", f"{WRONG}Expected data manipulation"),
        ("SELECT * FROM {t} WHERE pk = 'a", WRONG),
        ("SELECT COUNT(*) FROM nowhere", "Unexpected path component at 1:8:5"),
        ("SELECT * FROM nowhere WHERE a < true", WRONG_TYPE.format("<", "BOOL")),
        ("SELECT * FROM nowhere WHERE a BETWEEN [1] AND [2]", WRONG_TYPE.format("BETWEEN", "L")),
        ("SELECT * FROM nowhere WHERE a = ?", "Number of parameters in request and statement don't match."),
        ("SELECT * FROM a.b.c", "A path may contain at most 2 components in the FROM clause"),
        ('SELECT * FROM {t}.""', "Path component cannot be an empty string"),
        ("SELECT * FROM {t}.i", "The table does not have the specified index"),
        ("SELECT * FROM {t}.{t}", "The table does not have the specified index"),
        (
            "SELECT pk.x FROM {t}",
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk",
        ),
        (
            "SELECT * FROM {t} WHERE sk[0] = 1",
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: sk",
        ),
        (
            "SELECT * FROM {t} WHERE pk = ''",
            (
                "One or more parameter values are not valid. "
                "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"
            ),
        ),
        (
            f"SELECT * FROM {{t}} WHERE pk IN ({LONG_IN})",
            "Incorrect number of operands for operator or function; operator or function: IN, number of operands: 51",
        ),
        (
            "SELECT * FROM {t} ORDER BY pk",
            "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.",
        ),
        (
            "SELECT * FROM {t} WHERE pk = 'a' ORDER BY odd",
            "Variable reference odd in ORDER BY clause must be part of the primary key",
        ),
        ("EXISTS(SELECT * FROM {t} WHERE pk = 'a' AND sk = 1)", "EXISTS can only be used in ExecuteTransaction"),
    ],
)
def test_a_statement_is_refused_with(wire, table, statement, message):
    refused = wire.refusal("ExecuteStatement", {"Statement": statement.replace("{t}", table)})
    assert (refused.status, refused.code, refused.message) == (400, "ValidationException", message)


def test_a_table_that_is_not_there_is_not_found(wire):
    refused = wire.refusal("ExecuteStatement", {"Statement": "SELECT * FROM nowhere"})
    assert (refused.code, refused.message) == ("ResourceNotFoundException", "Requested resource not found")


CONSTRAINT = "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must {}"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"Limit": 0}, CONSTRAINT.format(0, "limit", "have value greater than or equal to 1")),
        ({"Parameters": []}, CONSTRAINT.format("[]", "parameters", "have length greater than or equal to 1")),
        ({"Statement": ""}, CONSTRAINT.format("", "statement", "have length greater than or equal to 1")),
        (
            {"ReturnConsumedCapacity": "ALL"},
            CONSTRAINT.format("ALL", "returnConsumedCapacity", "satisfy enum value set: [INDEXES, TOTAL, NONE]"),
        ),
        ({"NextToken": ""}, CONSTRAINT.format("", "nextToken", "have length greater than or equal to 1")),
    ],
)
def test_members_are_checked_before_the_statement_is_read(wire, request_, message):
    assert wire.refusal("ExecuteStatement", {"Statement": "garbage"} | request_).message == message


def test_a_statement_has_at_most_8192_characters(wire, table):
    statement = f"SELECT * FROM {table} WHERE pk = 'a' AND sk = 0"
    assert len(select(wire, statement.ljust(8192))["Items"]) == 1
    refused = wire.refusal("ExecuteStatement", {"Statement": statement.ljust(8193)})
    assert refused.message.endswith("Member must have length less than or equal to 8192")


def test_a_parameter_is_a_value(wire, table):
    request = {"Statement": f"SELECT * FROM {table} WHERE pk = ?"}
    assert "is empty" in wire.refusal("ExecuteStatement", request | {"Parameters": [{}]}).message
    assert wire.refusal("ExecuteStatement", request | {"Parameters": [{"S": 1}]}).code == "SerializationException"
    wrong_type = wire.refusal("ExecuteStatement", {"Statement": "garbage", "Parameters": [{"S": 1}]})
    assert wrong_type.code == "SerializationException"
