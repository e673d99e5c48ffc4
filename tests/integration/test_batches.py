"""BatchWriteItem and BatchGetItem from outside: effects, limits, duplicates, order of faults, what is left unprocessed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.tables import create, n, s

DETECTED = "1 validation error detected: "
MISMATCH = "The provided key element does not match the schema"
DUPLICATES = "Provided list of item keys contains duplicates"
SEVERAL = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
EMPTY_VALUE = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
TOO_LARGE = "Item size has exceeded the maximum allowed size"
EMPTY_KEY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
)

A = "batches-a"
"""A table with the key pk:S."""
B = "batches-b"
"""A table with the key pk:S sk:N."""


@pytest.fixture(scope="module", autouse=True)
def _tables(wire):
    create(wire, "pk:S", TableName=A)
    create(wire, "pk:S sk:N", TableName=B)


@pytest.fixture
def table(new_table):
    return new_table("pk:S sk:N")


def put(pk, sk=None, **attributes):
    item = {"pk": s(pk)} | ({} if sk is None else {"sk": n(sk)}) | attributes
    return {"PutRequest": {"Item": item}}


def delete(pk, sk=None):
    return {"DeleteRequest": {"Key": {"pk": s(pk)} | ({} if sk is None else {"sk": n(sk)})}}


def key(pk, sk=None):
    return {"pk": s(pk)} | ({} if sk is None else {"sk": n(sk)})


def is_validation(wire, operation, request, message):
    refused = wire.refusal(operation, request)
    assert (refused.code, refused.message) == ("ValidationException", message)


# -- BatchWriteItem --


def test_puts_and_deletes_of_several_tables_are_done_together(wire, new_table):
    first, second = new_table(), new_table("pk:S sk:N")
    wire.call("PutItem", TableName=first, Item={"pk": s("old")})
    answer = wire.call(
        "BatchWriteItem", RequestItems={first: [put("new"), delete("old"), delete("absent")], second: [put("x", 1)]}
    )
    assert answer == {"UnprocessedItems": {}}
    assert wire.items("Scan", TableName=first) == [{"pk": s("new")}]
    assert wire.items("Scan", TableName=second) == [{"pk": s("x"), "sk": n(1)}]


def test_a_put_replaces_the_whole_item(wire, table):
    wire.call("BatchWriteItem", RequestItems={table: [put("a", 1, v=s("old"), w=s("old"))]})
    wire.call("BatchWriteItem", RequestItems={table: [put("a", 1, v=s("new"))]})
    assert wire.items("Scan", TableName=table) == [{"pk": s("a"), "sk": n(1), "v": s("new")}]


def test_25_writes_of_16_mb_are_a_batch(wire, table):
    writes = [put("a", number, pad=s("x" * 350_000)) for number in range(25)]
    assert wire.call("BatchWriteItem", RequestItems={table: writes}) == {"UnprocessedItems": {}}
    assert wire.call("BatchWriteItem", RequestItems={table: [delete("a", number) for number in range(25)]})
    assert wire.items("Scan", TableName=table) == []


@pytest.mark.parametrize("request_", [{}, {"RequestItems": {}}, {"RequestItems": None}])
@pytest.mark.parametrize("operation", ["BatchWriteItem", "BatchGetItem"])
def test_an_empty_batch_is_refused(wire, operation, request_):
    is_validation(wire, operation, request_, f"The requestItems parameter is required for {operation}")


@pytest.mark.parametrize(
    "writes",
    [{A: [put(str(number)) for number in range(26)]}, {A: []}, {A: [put("a")], B: []}],
    ids=["26", "none", "none of another"],
)
def test_a_table_has_1_to_25_writes(wire, writes):
    refused = wire.refusal("BatchWriteItem", {"RequestItems": writes})
    assert refused.code == "ValidationException"
    assert refused.message.startswith(f"{DETECTED}Value '{{")
    assert refused.message.endswith(
        "' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length "
        "less than or equal to 25, Member must have length greater than or equal to 1]"
    )


def test_all_tables_together_have_at_most_25_writes(wire):
    writes = {A: [put(str(number)) for number in range(13)], B: [put("a", number) for number in range(13)]}
    is_validation(
        wire, "BatchWriteItem", {"RequestItems": writes}, "Too many items requested for the BatchWriteItem call"
    )


@pytest.mark.parametrize(
    ("table", "writes"),
    [
        (A, [put("a"), put("a", v=n(1))]),
        (A, [put("a"), delete("a")]),
        (A, [delete("a"), delete("a")]),
        (B, [put("a", 1), put("a", "1.0")]),
        (B, [put("a", "1e2"), delete("a", 100)]),
    ],
)
def test_one_item_can_be_written_only_once_in_a_batch(wire, table, writes):
    is_validation(wire, "BatchWriteItem", {"RequestItems": {table: writes}}, DUPLICATES)


def test_the_same_key_in_two_tables_is_two_items(wire, new_table):
    first, second = new_table(), new_table()
    assert wire.call("BatchWriteItem", RequestItems={first: [put("a")], second: [put("a")]}) == {"UnprocessedItems": {}}


@pytest.mark.parametrize(
    ("writes", "message"),
    [
        ({A: [{}]}, SEVERAL),
        ({A: [{"PutRequest": {"Item": key("a")}, "DeleteRequest": {"Key": key("b")}}]}, SEVERAL),
        ({A: [{"PutRequest": {"Item": {"pk": {}}}}]}, EMPTY_VALUE),
        ({A: [{"DeleteRequest": {"Key": {"pk": {}}}}]}, EMPTY_VALUE),
        ({A: [put("a", pad=s("x" * 409_600))]}, TOO_LARGE),
        (
            {A: [{"PutRequest": {}}]},
            (
                f"{DETECTED}Value null at 'requestItems.{A}.member.1.member.putRequest.item' failed to "
                "satisfy constraint: Member must not be null"
            ),
        ),
        (
            {A: [{"DeleteRequest": {}}]},
            (
                f"{DETECTED}Value null at 'requestItems.{A}.member.1.member.deleteRequest.key' failed to "
                "satisfy constraint: Member must not be null"
            ),
        ),
        ({A: [{"PutRequest": {"Item": {}}}]}, MISMATCH),
        ({A: [{"PutRequest": {"Item": {"other": s("a")}}}]}, MISMATCH),
        ({A: [{"PutRequest": {"Item": {"pk": n(1)}}}]}, MISMATCH),
        ({A: [{"PutRequest": {"Item": {"pk": {"L": []}}}}]}, MISMATCH),
        ({A: [put("")]}, f"{EMPTY_KEY}string value. Key: pk"),
        (
            {A: [put("x" * 2049)]},
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
        # an earlier kind of fault in a later write comes first
        ({A: [put("a"), put("a"), put("b", pad=s("x" * 409_600))]}, TOO_LARGE),
        ({A: [put("a"), put("a"), {"PutRequest": {"Item": {"pk": n(1)}}}]}, MISMATCH),
        ({"nowhere": [put("a")], A: [{}]}, SEVERAL),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_write_that_is_wrong_refuses_the_batch(wire, writes, message):
    is_validation(wire, "BatchWriteItem", {"RequestItems": writes}, message)
    assert wire.items("Scan", TableName=A) == []


def test_an_unknown_table_is_found_before_wrong_keys_and_nothing_is_written(wire):
    for writes in ({A: [put("a")], "nowhere": [put("a")]}, {A: [{"PutRequest": {"Item": {}}}], "nowhere": [put("a")]}):
        refused = wire.refusal("BatchWriteItem", {"RequestItems": writes})
        assert (refused.code, refused.message) == ("ResourceNotFoundException", "Requested resource not found")
    assert wire.items("Scan", TableName=A) == []


@pytest.mark.parametrize("operation", ["BatchWriteItem", "BatchGetItem"])
def test_a_table_name_that_is_none_is_a_fault_of_the_map(wire, operation):
    content = {"Keys": [key("a")]} if operation == "BatchGetItem" else [put("a")]
    refused = wire.refusal(operation, {"RequestItems": {"bad name!": content}})
    assert refused.code == "ValidationException"
    assert "' at 'requestItems' failed to satisfy constraint: Map keys must satisfy constraint: [" in refused.message


# -- BatchGetItem --


@pytest.fixture(scope="module")
def filled(wire):
    names = create(wire, "pk:S sk:N"), create(wire)
    for start in (0, 25, 50, 75):
        writes = [put("a", number, v=n(number), w={"M": {"x": n(1), "y": n(2)}}) for number in range(start, start + 25)]
        wire.call("BatchWriteItem", RequestItems={names[0]: writes})
    wire.call("PutItem", TableName=names[1], Item={"pk": s("b"), "v": s("x")})
    return names


def test_a_hundred_keys_of_several_tables_are_read_and_missing_ones_left_out(wire, filled):
    first, second = filled
    keys = [key("a", number) for number in range(98)] + [key("a", 5000)]
    answer = wire.call("BatchGetItem", RequestItems={first: {"Keys": keys}, second: {"Keys": [key("b")]}})
    assert answer["UnprocessedKeys"] == {}
    assert sorted(int(item["sk"]["N"]) for item in answer["Responses"][first]) == list(range(98))
    assert answer["Responses"][second] == [{"pk": s("b"), "v": s("x")}]


def test_a_table_without_hits_is_in_the_answer_with_an_empty_list(wire, filled):
    answer = wire.call("BatchGetItem", RequestItems={filled[1]: {"Keys": [key("absent")], "ConsistentRead": True}})
    assert answer == {"Responses": {filled[1]: []}, "UnprocessedKeys": {}}


def test_each_table_has_its_own_projection_without_the_keys(wire, filled):
    first, second = filled
    answer = wire.call(
        "BatchGetItem",
        RequestItems={
            first: {"Keys": [key("a", 7)], "ProjectionExpression": "w.#y", "ExpressionAttributeNames": {"#y": "y"}},
            second: {"Keys": [key("b")], "ProjectionExpression": "absent"},
        },
    )
    assert answer["Responses"] == {first: [{"w": {"M": {"y": n(2)}}}], second: [{}]}


def test_what_goes_over_16_mb_is_left_unprocessed_with_its_options(wire, new_table):
    table = new_table()
    for number in range(60):
        wire.call("PutItem", TableName=table, Item={"pk": s(f"k{number:02}"), "pad": s("x" * 350_000)})
    asked = {
        "Keys": [key(f"k{number:02}") for number in range(60)],
        "ConsistentRead": True,
        "ProjectionExpression": "#p",
        "ExpressionAttributeNames": {"#p": "pk"},
    }
    found, rounds = [], 0
    requests = {table: asked}
    while requests:
        answer = wire.call("BatchGetItem", RequestItems=requests)
        found += [item["pk"]["S"] for item in answer["Responses"][table]]
        requests = answer["UnprocessedKeys"]
        if requests:
            assert {**requests[table], "Keys": None} == {**asked, "Keys": None}
        rounds += 1
    assert sorted(found) == [f"k{number:02}" for number in range(60)]
    assert rounds == 2  # 47 items of 350 KB are 16 MB


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            {A: {}},
            f"{DETECTED}Value null at 'requestItems.{A}.member.keys' failed to satisfy constraint: Member must not be null",
        ),
        (
            {A: {"Keys": []}},
            (
                f"{DETECTED}Value '[]' at 'requestItems.{A}.member.keys' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            ),
        ),
        (
            {A: {"Keys": [key(str(number)) for number in range(101)]}},
            (
                f"{DETECTED}Value at 'RequestItems.{A}.member.Keys' failed to satisfy constraint: Member "
                "must have length less than or equal to 100"
            ),
        ),
        (
            {
                A: {"Keys": [key(str(number)) for number in range(51)]},
                B: {"Keys": [key("a", number) for number in range(50)]},
            },
            "Too many items requested for the BatchGetItem call",
        ),
        ({A: {"Keys": [key("a"), key("a")]}}, DUPLICATES),
        ({B: {"Keys": [{"pk": s("a"), "sk": n(1)}, {"sk": n(1), "pk": s("a")}]}}, DUPLICATES),
        ({A: {"Keys": [{"pk": {}}]}}, EMPTY_VALUE),
        (
            {A: {"Keys": [key("a")], "ExpressionAttributeNames": {"#a": "a"}}},
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            {A: {"Keys": [key("a")], "ProjectionExpression": ""}},
            "Invalid ProjectionExpression: The expression can not be empty;",
        ),
        (
            {A: {"Keys": [key("a")], "ProjectionExpression": "a, a"}},
            (
                "Invalid ProjectionExpression: Two document paths overlap with each other; must remove "
                "or rewrite one of these paths; path one: [a], path two: [a]"
            ),
        ),
        ({A: {"Keys": [{"pk": n(1)}]}}, MISMATCH),
        ({A: {"Keys": [key("a", 1)]}}, MISMATCH),
        ({A: {"Keys": [key("")]}}, f"{EMPTY_KEY}string value. Key: pk"),
        # order: constraints, expressions, values, duplicates, then the table and its keys
        (
            {"nowhere": {"Keys": [{"pk": {}}], "ProjectionExpression": ""}},
            "Invalid ProjectionExpression: The expression can not be empty;",
        ),
        ({"nowhere": {"Keys": [key("a"), key("a")]}}, DUPLICATES),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_keys_that_are_wrong_refuse_the_batch(wire, items, message):
    is_validation(wire, "BatchGetItem", {"RequestItems": items}, message)


def test_an_unknown_table_refuses_the_batch_before_wrong_keys_do(wire, filled):
    wrong: list[dict[str, Any]] = [key("a", 1), {}]
    for each in wrong:
        items = {filled[0]: {"Keys": [each]}, "nowhere": {"Keys": [key("a")]}}
        refused = wire.refusal("BatchGetItem", {"RequestItems": items})
        assert (refused.code, refused.message) == ("ResourceNotFoundException", "Requested resource not found")


def test_numeric_spellings_of_one_key_are_not_taken_for_duplicates(wire, filled):
    """The service compares keys as they are spelled."""
    keys = [key("a", "1"), key("a", "1.0")]
    answer = wire.call("BatchGetItem", RequestItems={filled[0]: {"Keys": keys}})
    assert [item["sk"] for item in answer["Responses"][filled[0]]] == [n(1), n(1)]
