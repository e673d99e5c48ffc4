"""Query from outside: key conditions on every type of sort key, order, paging, start keys, Select and filters."""

from __future__ import annotations

import base64

import pytest

from tests.integration.tables import create, n, s

OOMPV = "One or more parameter values were invalid: "
DETECTED = "1 validation error detected: "
INVALID_START = "The provided starting key is invalid"
MISMATCH = "The provided key element does not match the schema"
IN_KEYS = "Invalid KeyConditionExpression: "
EMPTY_KEY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
)

STRINGS = "query-strings"
NUMBERS = "query-numbers"
BINARIES = "query-binaries"
HASH = "query-hash"
PAGES = "query-pages"

TEXTS = ["", "A", "Z", "a", "aa", "ab", "abc", "b", "z", "ä", "z\uffff", "𝄞"]
SORT_TEXTS = sorted(TEXTS[1:], key=lambda text: text.encode())
NUMERALS = [
    "-1E+100", "-100", "-10.5", "-10", "-1.01", "-1", "-0.5", "-1E-100", "0", "1E-100", "0.05", "0.5", "1", "1.01",
    "9", "10", "99", "100", "1E+100",
]  # fmt: skip
SORT_BYTES = [b"\x00", b"\x00\x00", b"\x01", b"\x7f", b"\x80", b"\xfe\xff", b"\xff", b"\xff\x00", b"\xff\xff"]


def b(raw):
    return {"B": base64.b64encode(raw).decode()}


@pytest.fixture(scope="module", autouse=True)
def _tables(wire):
    contents = {
        STRINGS: ("pk:S sk:S", [s(text) for text in SORT_TEXTS]),
        NUMBERS: ("pk:S sk:N", [n(number) for number in NUMERALS]),
        BINARIES: ("pk:S sk:B", [b(raw) for raw in SORT_BYTES]),
    }
    for name, (keys, values) in contents.items():
        create(wire, keys, TableName=name)
        for position, value in enumerate(values):
            wire.call("PutItem", TableName=name, Item={"pk": s("p"), "sk": value, "at": n(position)})
        # Neighbours on the ring and by prefix, which no query of `p` may see.
        for other in ("o", "pp", "q"):
            wire.call("PutItem", TableName=name, Item={"pk": s(other), "sk": values[0], "at": n(-1)})
    create(wire, "pk:S", TableName=HASH)
    wire.call("PutItem", TableName=HASH, Item={"pk": s("p"), "a": n(1)})
    create(wire, "pk:S sk:N", TableName=PAGES)
    for number in range(10):
        item = {"pk": s("p"), "sk": n(number), "even": {"BOOL": number % 2 == 0}, "pad": s("x" * 250_000)}
        wire.call("PutItem", TableName=PAGES, Item=item)


def request_of(table, condition, values, **more):
    expression_values = {":p": s("p")} | {f":{name}": value for name, value in values.items()}
    return {
        "TableName": table,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": expression_values,
        **more,
    }


def positions(wire, table, condition, values, **more):
    """Query and return where, in the order of the sort keys, the items found stand."""
    found = wire.items("Query", **request_of(table, condition, values, **more))
    return [int(item["at"]["N"]) for item in found]


@pytest.mark.parametrize(
    ("table", "count"), [(STRINGS, len(SORT_TEXTS)), (NUMBERS, len(NUMERALS)), (BINARIES, len(SORT_BYTES))]
)
def test_a_partition_comes_in_the_order_of_its_sort_keys_and_backwards_when_asked(wire, table, count):
    assert positions(wire, table, "pk = :p", {}) == list(range(count))
    assert positions(wire, table, "pk = :p", {}, ScanIndexForward=True) == list(range(count))
    assert positions(wire, table, "pk = :p", {}, ScanIndexForward=False) == list(reversed(range(count)))


KEYS = {
    STRINGS: [s(text) for text in SORT_TEXTS],
    NUMBERS: [n(number) for number in NUMERALS],
    BINARIES: [b(raw) for raw in SORT_BYTES],
}
COMPARISONS = {
    "sk = :v": lambda at, v: at == v,
    "sk < :v": lambda at, v: at < v,
    "sk <= :v": lambda at, v: at <= v,
    "sk > :v": lambda at, v: at > v,
    "sk >= :v": lambda at, v: at >= v,
    ":v = sk": lambda at, v: at == v,
    ":v < sk": lambda at, v: at > v,
    ":v <= sk": lambda at, v: at >= v,
    ":v > sk": lambda at, v: at < v,
    ":v >= sk": lambda at, v: at <= v,
}


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("table", [STRINGS, NUMBERS, BINARIES])
def test_a_comparison_finds_exactly_the_keys_that_satisfy_it(wire, table, comparison, forward):
    for v in (0, 1, len(KEYS[table]) // 2, len(KEYS[table]) - 1):
        found = positions(wire, table, f"pk = :p AND {comparison}", {"v": KEYS[table][v]}, ScanIndexForward=forward)
        expected = [at for at in range(len(KEYS[table])) if COMPARISONS[comparison](at, v)]
        assert found == (expected if forward else expected[::-1])


@pytest.mark.parametrize("table", [STRINGS, NUMBERS, BINARIES])
def test_between_includes_both_bounds(wire, table):
    last = len(KEYS[table]) - 1
    for low, high in ((0, 0), (0, last), (2, 5), (last, last)):
        values = {"a": KEYS[table][low], "b": KEYS[table][high]}
        assert positions(wire, table, "pk = :p AND sk BETWEEN :a AND :b", values) == list(range(low, high + 1))


@pytest.mark.parametrize(
    ("table", "prefix", "found"),
    [
        (STRINGS, s("a"), ["a", "aa", "ab", "abc"]),
        (STRINGS, s("ab"), ["ab", "abc"]),
        (STRINGS, s("z\uffff"), ["z\uffff"]),
        (STRINGS, s("ä"), ["ä"]),
        (STRINGS, s("𝄞"), ["𝄞"]),
        (STRINGS, s("x"), []),
        (BINARIES, b(b"\x00"), [b"\x00", b"\x00\x00"]),
        (BINARIES, b(b"\xff"), [b"\xff", b"\xff\x00", b"\xff\xff"]),
        (BINARIES, b(b"\xff\xff"), [b"\xff\xff"]),
    ],
)
def test_begins_with_finds_exactly_the_keys_with_the_prefix(wire, table, prefix, found):
    every = SORT_TEXTS if table == STRINGS else SORT_BYTES
    expected = [every.index(each) for each in found]
    for forward in (True, False):
        condition = "pk = :p AND begins_with(sk, :v)"
        answer = positions(wire, table, condition, {"v": prefix}, ScanIndexForward=forward)
        assert answer == (expected if forward else expected[::-1])


@pytest.mark.parametrize(
    "condition",
    [
        "sk > :v AND pk = :p", "(pk = :p) AND (sk > :v)", "(pk = :p AND sk > :v)", ":p = pk AND :v < sk",
        "pk = :p and sk > :v", "(pk = :p) AND sk > :v",
    ],
)  # fmt: skip
def test_the_two_conditions_may_stand_in_either_order_and_in_parentheses(wire, condition):
    assert positions(wire, NUMBERS, condition, {"v": n(99)}) == [17, 18]


def test_a_number_condition_compares_numerically_in_every_spelling(wire):
    assert positions(wire, NUMBERS, "pk = :p AND sk = :v", {"v": n("1.00E1")}) == [NUMERALS.index("10")]


def test_nothing_found_is_an_empty_list_and_two_zeros(wire):
    assert wire.call(
        "Query", **request_of(NUMBERS, "pk = :p", {}) | {"ExpressionAttributeValues": {":p": s("none")}}
    ) == {
        "Items": [],
        "Count": 0,
        "ScannedCount": 0,
    }


# -- pages --


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 18, 19, 20, 1000])
def test_pages_of_any_limit_join_to_the_whole(wire, limit, forward):
    pages = list(wire.pages("Query", **request_of(NUMBERS, "pk = :p", {}), Limit=limit, ScanIndexForward=forward))
    found = [int(item["at"]["N"]) for page in pages for item in page["Items"]]
    assert found == list(range(19))[:: 1 if forward else -1]
    assert all(page["Count"] == page["ScannedCount"] == len(page["Items"]) <= limit for page in pages)
    # A page that was cut by its limit has a key, even if nothing follows.
    assert len(pages) == 19 // limit + 1
    assert [len(page["Items"]) for page in pages[:-1]] == [limit] * (len(pages) - 1)


def test_the_last_evaluated_key_holds_the_keys_of_the_last_item_alone(wire):
    page = wire.call("Query", **request_of(NUMBERS, "pk = :p", {}), Limit=1)
    assert page["LastEvaluatedKey"] == {"pk": s("p"), "sk": n("-1" + "0" * 100)}


@pytest.mark.parametrize(
    ("condition", "v", "expected"), [("sk > :v", "10", [16, 17, 18]), ("sk <= :v", "-10", [0, 1, 2, 3])]
)
@pytest.mark.parametrize("forward", [True, False])
def test_paging_stays_inside_the_key_condition(wire, condition, v, expected, forward):
    found = positions(wire, NUMBERS, f"pk = :p AND {condition}", {"v": n(v)}, Limit=1, ScanIndexForward=forward)
    assert found == (expected if forward else expected[::-1])


def test_a_start_key_need_not_be_the_key_of_an_item(wire):
    start = {"pk": s("p"), "sk": n("10.001")}
    assert positions(wire, NUMBERS, "pk = :p", {}, ExclusiveStartKey=start) == [16, 17, 18]
    assert positions(wire, NUMBERS, "pk = :p", {}, ExclusiveStartKey=start, ScanIndexForward=False)[:1] == [15]


@pytest.mark.parametrize("forward", [True, False])
def test_a_page_ends_before_the_item_that_would_take_it_over_1_mb(wire, forward):
    pages = list(wire.pages("Query", **request_of(PAGES, "pk = :p", {}), ScanIndexForward=forward))
    assert [page["Count"] for page in pages] == [4, 4, 2]
    found = [int(item["sk"]["N"]) for page in pages for item in page["Items"]]
    assert found == list(range(10))[:: 1 if forward else -1]


def test_what_a_filter_or_projection_takes_away_counts_for_the_page(wire):
    for more in (
        {"FilterExpression": "even = :t", "ExpressionAttributeValues": {":p": s("p"), ":t": {"BOOL": True}}},
        {"ProjectionExpression": "sk"},
        {"Select": "COUNT"},
    ):
        pages = list(wire.pages("Query", **request_of(PAGES, "pk = :p", {}) | more))
        assert [page["ScannedCount"] for page in pages] == [4, 4, 2]
        assert sum(page["Count"] for page in pages) == (5 if "FilterExpression" in more else 10)


def test_limit_bounds_what_is_evaluated_and_not_what_is_returned(wire):
    request = request_of(
        NUMBERS, "pk = :p", {"v": n(18)}, FilterExpression="#a = :v", ExpressionAttributeNames={"#a": "at"}
    )
    pages = list(wire.pages("Query", **request, Limit=5))
    assert [(page["Count"], page["ScannedCount"]) for page in pages] == [(0, 5), (0, 5), (0, 5), (1, 4)]
    assert [bool(page["Items"]) for page in pages] == [False, False, False, True]


# -- Select, projection, filter --


@pytest.mark.parametrize("select", [None, "ALL_ATTRIBUTES"])
def test_by_default_all_attributes_come(wire, select):
    page = wire.call("Query", **request_of(HASH, "pk = :p", {}), Select=select)
    assert page == {"Items": [{"pk": s("p"), "a": n(1)}], "Count": 1, "ScannedCount": 1}


def test_a_count_has_no_items(wire):
    assert wire.call("Query", **request_of(HASH, "pk = :p", {}), Select="COUNT") == {"Count": 1, "ScannedCount": 1}


@pytest.mark.parametrize("select", [None, "SPECIFIC_ATTRIBUTES"])
def test_a_projection_does_not_add_the_keys(wire, select):
    page = wire.call("Query", **request_of(HASH, "pk = :p", {}), ProjectionExpression="a, absent", Select=select)
    assert page["Items"] == [{"a": n(1)}]
    page = wire.call("Query", **request_of(HASH, "pk = :p", {}), ProjectionExpression="absent")
    assert page == {"Items": [{}], "Count": 1, "ScannedCount": 1}


# -- refusals --

ONLY_NON_KEYS = "Filter Expression can only contain non-primary key attributes: Primary key attribute: "
SPECIFIC = "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
NO_PROJECTION = "Cannot specify the ProjectionExpression when choosing to get "
SELECT = (
    "failed to satisfy constraint: Member must satisfy enum value set: [SPECIFIC_ATTRIBUTES, "
    "COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"
)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"Limit": 0},
            f"{DETECTED}Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            {"Limit": -1},
            f"{DETECTED}Value '-1' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        ({"Select": "x"}, f"{DETECTED}Value 'x' at 'select' {SELECT}"),
        ({"Select": "SPECIFIC_ATTRIBUTES"}, f"{DETECTED}{SPECIFIC}"),
        ({"Select": "COUNT", "ProjectionExpression": "a"}, f"{NO_PROJECTION}only the Count"),
        ({"Select": "ALL_ATTRIBUTES", "ProjectionExpression": "a"}, f"{NO_PROJECTION}ALL_ATTRIBUTES"),
        (
            {"Select": "ALL_PROJECTED_ATTRIBUTES"},
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
        ),
        (
            {"KeyConditionExpression": None, "ExpressionAttributeValues": None},
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ),
        ({"KeyConditionExpression": ""}, f"{IN_KEYS}The expression can not be empty;"),
        ({"KeyConditionExpression": "pk = "}, f'{IN_KEYS}Syntax error; token: "<EOF>", near: "="'),
        ({"KeyConditionExpression": "pk = :p OR sk = :p"}, "Invalid operator used in KeyConditionExpression: OR"),
        ({"KeyConditionExpression": "NOT pk = :p"}, "Invalid operator used in KeyConditionExpression: NOT"),
        ({"KeyConditionExpression": "pk = :p AND sk IN (:p)"}, "Invalid operator used in KeyConditionExpression: IN"),
        ({"KeyConditionExpression": "pk = :p AND sk <> :p"}, "Invalid operator used in KeyConditionExpression: <>"),
        (
            {"KeyConditionExpression": "pk = :p AND attribute_exists(sk)"},
            "Invalid operator used in KeyConditionExpression: attribute_exists",
        ),
        (
            {"KeyConditionExpression": "pk = :p AND pk = :p"},
            "KeyConditionExpressions must only contain one condition per key",
        ),
        (
            {"KeyConditionExpression": "pk = :p AND sk.a = :p"},
            "KeyConditionExpressions cannot have conditions on nested attributes",
        ),
        ({"KeyConditionExpression": "((pk = :p))"}, "The expression has redundant parentheses;"),
        (
            {"KeyConditionExpression": "pk = :p AND size(sk) = :p"},
            "KeyConditionExpressions cannot contain nested operations",
        ),
        (
            {"KeyConditionExpression": ":p = :p"},
            "Invalid condition in KeyConditionExpression: No key attribute specified",
        ),
        (
            {"KeyConditionExpression": "pk = sk", "ExpressionAttributeValues": None},
            "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
        ),
        (
            {"ProjectionExpression": "a, a"},
            (
                "Invalid ProjectionExpression: Two document paths overlap with each other; must remove "
                "or rewrite one of these paths; path one: [a], path two: [a]"
            ),
        ),
        (
            {"FilterExpression": "#missing = :p"},
            (
                "Invalid FilterExpression: An expression attribute name used in the document path is not "
                "defined; attribute name: #missing"
            ),
        ),
        (
            {"ExpressionAttributeValues": {":p": s("p"), ":q": s("q")}},
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:q}",
        ),
        (
            {"ExclusiveStartKey": {"pk": {}}},
            f"{INVALID_START}: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        (
            {"ExclusiveStartKey": {"pk": {"S": "a", "N": "1"}}},
            (
                f"{INVALID_START}: Supplied AttributeValue has more than one datatypes set, must contain "
                "exactly one of the supported datatypes"
            ),
        ),
        (
            {"ExclusiveStartKey": {"pk": {"NULL": False}}},
            f"{INVALID_START}: {OOMPV}Null attribute value types must have the value of true",
        ),
        ({"ExclusiveStartKey": {"pk": {"SS": []}}}, f"{INVALID_START}: {OOMPV}An string set  may not be empty"),
        ({"ExclusiveStartKey": {"pk": {"BS": []}}}, f"{INVALID_START}: {OOMPV}Binary sets should not be empty"),
        ({"ExclusiveStartKey": {"pk": {"NS": []}}}, f"{OOMPV}An number set  may not be empty"),
        ({"ExclusiveStartKey": {"pk": n("x")}}, "The parameter cannot be converted to a numeric value: x"),
    ],
)
def test_what_is_wrong_in_itself_is_refused_before_the_table_is_looked_up(wire, more, message):
    request = {
        name: value for name, value in (request_of("nowhere", "pk = :p", {}) | more).items() if value is not None
    }
    refused = wire.refusal("Query", request)
    assert refused.code == "ValidationException"
    # Newer recordings put "Invalid KeyConditionExpression: " before these; either is the service's.
    assert refused.message.removeprefix(IN_KEYS) == message.removeprefix(IN_KEYS)


def test_an_unknown_table_is_not_found(wire):
    refused = wire.refusal("Query", request_of("nowhere", "pk = :p", {}))
    assert (refused.code, refused.message) == ("ResourceNotFoundException", "Requested resource not found")


@pytest.mark.parametrize(
    ("table", "condition", "values", "message"),
    [
        (NUMBERS, "sk = :p", {}, "Query condition missed key schema element: pk"),
        (NUMBERS, "colour = :p", {}, "Query condition missed key schema element: pk"),
        (NUMBERS, "pk = :p AND colour = :v", {"v": n(1)}, "Query condition missed key schema element: sk"),
        (NUMBERS, "pk < :p", {}, "Query key condition not supported"),
        (NUMBERS, "begins_with(pk, :p)", {}, "Query key condition not supported"),
        (NUMBERS, "pk BETWEEN :p AND :p", {}, "Query key condition not supported"),
        (HASH, "pk = :p AND sk = :v", {"v": n(1)}, "Query key condition not supported"),
        (NUMBERS, "pk = :v", {"v": n(1)}, f"{OOMPV}Condition parameter type does not match schema type"),
        (NUMBERS, "pk = :p AND sk = :v", {"v": s("1")}, f"{OOMPV}Condition parameter type does not match schema type"),
        (NUMBERS, "pk = :v", {"v": s("")}, f"{EMPTY_KEY}string value. Key: pk"),
        (STRINGS, "pk = :p AND sk = :v", {"v": s("")}, f"{EMPTY_KEY}string value. Key: sk"),
        (BINARIES, "pk = :p AND sk = :v", {"v": b(b"")}, f"{EMPTY_KEY}binary value. Key: sk"),
        (
            NUMBERS,
            "pk = :v",
            {"v": s("x" * 2049)},
            f"{OOMPV}Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
        (
            STRINGS,
            "pk = :p AND sk = :v",
            {"v": s("x" * 1025)},
            f"{OOMPV}Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
        ),
    ],
)
def test_a_key_condition_that_does_not_fit_the_table_is_refused(wire, table, condition, values, message):
    request = request_of(table, condition, values)
    if ":p" not in condition:
        del request["ExpressionAttributeValues"][":p"]
    refused = wire.refusal("Query", request)
    assert (refused.code, refused.message) == ("ValidationException", message)


@pytest.mark.parametrize(
    ("table", "expression", "name"),
    [
        (NUMBERS, "pk = :p", "pk"),
        (NUMBERS, "attribute_exists(sk)", "sk"),
        (NUMBERS, "colour = pk", "pk"),
        (HASH, "size(pk) > :p", "pk"),
    ],
)
def test_a_filter_of_a_query_may_not_name_the_keys(wire, table, expression, name):
    refused = wire.refusal("Query", request_of(table, "pk = :p", {}, FilterExpression=expression))
    assert (refused.code, refused.message) == ("ValidationException", f"{ONLY_NON_KEYS}{name}")


@pytest.mark.parametrize(("table", "condition"), [(NUMBERS, "pk = :p AND sk = :v"), (HASH, "pk = :p")])
def test_a_query_for_one_item_says_at_its_limit_that_there_is_no_more(wire, table, condition):
    """Its start key would be refused, see below, and paginators pass on what they get."""
    values = {"v": n(9)} if ":v" in condition else {}
    [page] = wire.pages("Query", **request_of(table, condition, values), Limit=1)
    assert page["Count"] == 1


OUTSIDE = "The provided starting key is outside query boundaries based on provided conditions"


@pytest.mark.parametrize(
    ("table", "condition", "values", "start", "message"),
    [
        (NUMBERS, "pk = :p", {}, {"pk": s("p")}, INVALID_START),
        (NUMBERS, "pk = :p", {}, {}, INVALID_START),
        (NUMBERS, "pk = :p", {}, {"pk": s("p"), "sk": n(1), "x": n(1)}, INVALID_START),
        (NUMBERS, "pk = :p", {}, {"pk": s("p"), "x": n(1)}, INVALID_START),
        (NUMBERS, "pk = :p", {}, {"pk": s("p"), "sk": s("1")}, MISMATCH),
        (NUMBERS, "pk = :p", {}, {"pk": n(1), "sk": n(1)}, MISMATCH),
        # names and types before the key conditions, and those before what the start key says
        (NUMBERS, "pk < :p", {}, {"pk": s("p"), "sk": s("1")}, MISMATCH),
        (NUMBERS, "pk < :p", {}, {"pk": s("q"), "sk": n(1)}, "Query key condition not supported"),
        (NUMBERS, "pk = :p", {}, {"pk": s("q"), "sk": n(1)}, OUTSIDE),
        (
            NUMBERS,
            "pk = :p AND sk > :v",
            {"v": n(5)},
            {"pk": s("p"), "sk": n(5)},
            "The provided starting key does not match the range key predicate",
        ),
        (
            NUMBERS,
            "pk = :p AND sk < :v",
            {"v": n(5)},
            {"pk": s("p"), "sk": n(6)},
            "The provided starting key does not match the range key predicate",
        ),
        (
            NUMBERS,
            "pk = :p AND sk = :v",
            {"v": n(5)},
            {"pk": s("p"), "sk": n(5)},
            "The query can return at most one row and cannot be restarted",
        ),
        (
            HASH,
            "pk = :p",
            {},
            {"pk": s("p")},
            "The provided exclusive start key is invalid: ExclusiveStartKey: {pk=AttributeValue: {S:p}}",
        ),
        (NUMBERS, "pk = :p", {}, {"pk": s(""), "sk": n(5)}, f"{EMPTY_KEY}string value. Key: pk"),
    ],
)
def test_a_start_key_that_does_not_fit_the_query_is_refused(wire, table, condition, values, start, message):
    refused = wire.refusal("Query", request_of(table, condition, values, ExclusiveStartKey=start))
    assert (refused.code, refused.message) == ("ValidationException", message)
