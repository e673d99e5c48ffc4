"""Statements and legacy parameters, sound, nearly sound and garbage: a modelled error or a success, and a file that is sound."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc.clock import ManualClock
from cdc.model.errors import ServiceError
from cdc.model.options import Options
from cdc.service import Service, open_service
from cdc.store.check import check
from tests.property.statements import NAMES, VALUES, Both, condition
from tests.table_definitions import definition, index

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = 300
TABLE = {
    "TableName": "tab",
    **definition(
        "pk:S sk:N",
        "a:S b:N",
        local=[index("local", "pk a", "KEYS_ONLY")],
        global_=[index("index", "a sk", ["c"]), index("several", "a b sk", "KEYS_ONLY", hashes=2)],
    ),
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}
COMMON_ERRORS = {"ValidationException", "SerializationException", "ConditionalCheckFailedException"}
Request = dict[str, Any]


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    options = Options(region="eu-west-1", account_id="123456789012", shards=2)
    with open_service(tmp_path_factory.mktemp("fuzz") / "cdc.db", options, ManualClock()) as opened:
        opened.create_table(**TABLE)
        yield opened
        assert list(check(opened.database)) == []


@pytest.fixture(scope="module")
def model() -> Any:
    return botocore.session.get_session().get_service_model("dynamodb")


def call(service: Service, model: Any, operation: str, request: Request) -> Request:
    """Run an operation and return its answer; an error must be one that the service's model has for it."""
    try:
        return service.call(operation, request)
    except ServiceError as error:
        code = error.code
    modelled = COMMON_ERRORS | {shape.name for shape in model.operation_model(operation).error_shapes}
    assert code in modelled - {"InternalServerError"}
    return {}


# --- statements


TARGETS = st.sampled_from(
    ["tab", '"tab"', "tab", '"tab"."index"', '"tab"."local"', '"tab"."several"', "nowhere", '""', "tab.index.more"]
)
KEYS = st.sampled_from(
    ["pk = 'a'", "sk = 1", "pk = ?", "pk IN ('a', 'b')", "sk > 0", "sk BETWEEN 0 AND 2", "pk > 'a'", "a = 'x'", "b = 1"]
)
TOKENS = [
    *("SELECT", "INSERT", "INTO", "UPDATE", "DELETE", "FROM", "WHERE", "SET", "REMOVE", "VALUE", "RETURNING", "ALL"),
    *("MODIFIED", "OLD", "NEW", "ORDER", "BY", "DESC", "AND", "OR", "NOT", "IN", "IS", "MISSING", "NULL", "BETWEEN"),
    *("EXISTS", "size", "contains", "list_append", "set_add", "COUNT", "pk", "sk", "tab", '"tab"', "'x'", "'", '"'),
    *("?", "1", "-1", "1e400", "1e", "*", ",", ".", "=", "<>", "<", ">=", "<<", ">>", "(", ")", "[", "]", "{", "}"),
    *(":", ";", "--", "/*", "é", "\0", "{'pk': 'a', 'sk': 1}", "99999999999999999999999"),
]
PIECES = re.compile(r"'[^']*'|\w+|\s+|.")
HOSTILE = st.sampled_from(
    [
        "SELECT * FROM tab WHERE " + "(" * 4000,
        "SELECT * FROM tab WHERE " + "NOT " * 2000 + "a = 1",
        "SELECT * FROM tab WHERE a = " + "[" * 4000,
        "SELECT * FROM tab WHERE a = " + "{'a':" * 1500,
        "SELECT * FROM tab WHERE " + " OR ".join(["a = 1"] * 800),
        "SELECT * FROM tab WHERE pk IN (" + ", ".join(["'a'"] * 1500) + ")",
        "SELECT " + "a." * 4000 + "a FROM tab",
        "UPDATE tab SET a = " + "list_append(" * 600,
        "UPDATE tab SET a" + "[0]" * 2000 + " = 1 WHERE pk = 'a' AND sk = 1",
        "SELECT * FROM tab WHERE a = " + "/*" * 4000,
        "SELECT * FROM tab WHERE a = '" + "''" * 4000,
    ]
)


@st.composite
def sound_statements(draw):
    """Make up a statement that can be read, and its parameters."""
    both = Both(draw)
    target = draw(TARGETS)
    kind = draw(st.sampled_from(["SELECT", "INSERT", "UPDATE", "DELETE", "EXISTS"]))
    if kind == "INSERT":
        item = {"pk": draw(VALUES), "sk": draw(VALUES), "a": draw(VALUES)}
        return f"INSERT INTO {target} VALUE {both.value({'M': item})[0]}", both.statement.parameters
    head = {"DELETE": f"DELETE FROM {target}", "UPDATE": f"UPDATE {target}"}.get(kind, f"SELECT * FROM {target}")
    if kind == "UPDATE":
        for name in draw(st.lists(st.sampled_from([*NAMES, "pk"]), min_size=1, max_size=2)):
            head += draw(st.sampled_from([f" REMOVE {name}", f" SET {name} = {both.value(draw(VALUES))[0]}"]))
    conditions = []
    for key in draw(st.lists(KEYS, max_size=3)):
        both.statement.parameters += [{"S": "a"}] * key.count("?")
        conditions.append(key)
    if draw(st.booleans()):
        conditions.append(condition(both)[0])
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    tails = {"SELECT": ["", " ORDER BY sk DESC", " ORDER BY a", " ORDER BY a, sk"], "EXISTS": [""]}
    tail = draw(st.sampled_from(tails.get(kind, ["", " RETURNING ALL OLD *", " RETURNING MODIFIED NEW *"])))
    text = head + where + tail
    return (f"EXISTS({text})" if kind == "EXISTS" else text), both.statement.parameters


@st.composite
def nearly_sound_statements(draw):
    """Make up a statement of which some pieces are gone, doubled or others."""
    text, parameters = draw(sound_statements())
    pieces = PIECES.findall(text)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(pieces) - 1))
        pieces[place : place + 1] = draw(
            st.sampled_from([[], [pieces[place]] * 2, [f" {draw(st.sampled_from(TOKENS))} "]])
        )
        if not pieces:
            break
    return "".join(pieces) or ";", parameters


GARBAGE = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join), HOSTILE)
BAD_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [{}, {"S": 1}, {"S": "a", "N": "1"}, {"N": "x"}, {"NS": []}, {"X": "a"}, {"NULL": False}, None, "a"]
)
STATEMENTS: st.SearchStrategy[tuple[str, list[Any]]] = st.one_of(
    sound_statements(), nearly_sound_statements(), GARBAGE.map(lambda text: (text, []))
)


@st.composite
def members(draw):
    """Make up the members of a request that have to do with one statement."""
    text, parameters = draw(STATEMENTS)
    request: Request = {"Statement": text}
    if draw(st.sampled_from([False, False, False, True])):
        parameters = [*parameters, draw(VALUES | BAD_VALUES)]
    if parameters or draw(st.booleans()):
        request["Parameters"] = parameters
    if not request.get("Parameters") and draw(st.booleans()):
        request.pop("Parameters", None)
    request |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "ConsistentRead": st.booleans(),
                "ReturnValuesOnConditionCheckFailure": st.sampled_from(["ALL_OLD", "NONE", "x"]),
            },
        )
    )
    return request


CAPACITY = st.fixed_dictionaries(
    {}, optional={"ReturnConsumedCapacity": st.sampled_from(["INDEXES", "TOTAL", "NONE", "x"])}
)
PAGING = st.fixed_dictionaries(
    {}, optional={"Limit": st.sampled_from([1, 2, 100, 0, -1]), "NextToken": st.sampled_from(["x", "", "QUJD", "é"])}
)


@settings(max_examples=EXAMPLES)
@given(members(), CAPACITY, PAGING)
def test_a_statement_is_run_or_refused(service, model, member, capacity, paging):
    request = member | capacity | paging
    call(service, model, "ExecuteStatement", request)
    if "NextToken" not in paging:
        page = call(service, model, "ExecuteStatement", member | {"Limit": 1})
        if "NextToken" in page:
            call(service, model, "ExecuteStatement", request | {"NextToken": page["NextToken"]})


@settings(max_examples=EXAMPLES)
@given(st.lists(members(), max_size=4), CAPACITY)
def test_a_batch_of_statements_is_run_or_refused(service, model, statements, capacity):
    call(service, model, "BatchExecuteStatement", {"Statements": statements} | capacity)


@settings(max_examples=EXAMPLES)
@given(st.lists(members(), max_size=3), CAPACITY, st.sampled_from([{}, {}, {"ClientRequestToken": "token"}]))
def test_a_transaction_of_statements_is_run_or_refused(service, model, statements, capacity, token):
    statements = [{name: value for name, value in each.items() if name != "ConsistentRead"} for each in statements]
    call(service, model, "ExecuteTransaction", {"TransactStatements": statements} | capacity | token)


# --- legacy parameters


WORDS = [
    "EQ",
    "NE",
    "LT",
    "LE",
    "GT",
    "GE",
    "IN",
    "NULL",
    "NOT_NULL",
    "BETWEEN",
    "CONTAINS",
    "NOT_CONTAINS",
    "BEGINS_WITH",
]
ATTRIBUTES = st.sampled_from(["pk", "sk", "a", "#a", "m.x", ""])
ANY_VALUES = st.one_of(VALUES, VALUES, VALUES, BAD_VALUES)
ARGUMENTS = st.lists(ANY_VALUES, max_size=3)
FILTERS = st.dictionaries(
    ATTRIBUTES,
    st.fixed_dictionaries(
        {"ComparisonOperator": st.sampled_from([*WORDS, "x", None])}, optional={"AttributeValueList": ARGUMENTS}
    ),
    max_size=3,
)
KEY_CONDITIONS = st.one_of(
    FILTERS,
    st.fixed_dictionaries(
        {"pk": st.just({"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]})},
        optional={
            "sk": st.fixed_dictionaries({"ComparisonOperator": st.sampled_from(WORDS), "AttributeValueList": ARGUMENTS})
        },
    ),
)
EXPECTED = st.dictionaries(
    ATTRIBUTES,
    st.fixed_dictionaries(
        {},
        optional={
            "Value": ANY_VALUES,
            "Exists": st.sampled_from([True, False, None, "x"]),
            "ComparisonOperator": st.sampled_from([*WORDS, None]),
            "AttributeValueList": ARGUMENTS,
        },
    ),
    max_size=3,
)
UPDATES = st.dictionaries(
    ATTRIBUTES,
    st.fixed_dictionaries(
        {}, optional={"Action": st.sampled_from(["PUT", "ADD", "DELETE", None, "x"]), "Value": ANY_VALUES}
    ),
    max_size=3,
)
NAME_LISTS = st.lists(ATTRIBUTES, max_size=3)
OPERATORS = st.sampled_from(["AND", "OR", "x", None])
KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}
LEGACY: dict[str, tuple[Request, dict[str, st.SearchStrategy[Any]]]] = {
    "PutItem": (
        {"Item": KEY | {"a": {"SS": ["x"]}, "l": {"L": []}}},
        {"Expected": EXPECTED, "ConditionalOperator": OPERATORS, "ConditionExpression": st.just("a = a")},
    ),
    "UpdateItem": (
        {"Key": KEY},
        {"Expected": EXPECTED, "ConditionalOperator": OPERATORS, "AttributeUpdates": UPDATES},
    ),
    "DeleteItem": ({"Key": KEY}, {"Expected": EXPECTED, "ConditionalOperator": OPERATORS}),
    "GetItem": ({"Key": KEY}, {"AttributesToGet": NAME_LISTS, "ProjectionExpression": st.just("a")}),
    "Query": (
        {},
        {
            "IndexName": st.sampled_from([None, "index", "local", "several", "nowhere"]),
            "KeyConditions": KEY_CONDITIONS,
            "QueryFilter": FILTERS,
            "ConditionalOperator": OPERATORS,
            "AttributesToGet": NAME_LISTS,
            "FilterExpression": st.just("a = a"),
        },
    ),
    "Scan": (
        {},
        {
            "IndexName": st.sampled_from([None, "index", "local"]),
            "ScanFilter": FILTERS,
            "ConditionalOperator": OPERATORS,
            "AttributesToGet": NAME_LISTS,
        },
    ),
}


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_legacy_parameters_are_taken_or_refused(service, model, data):
    operation = data.draw(st.sampled_from(list(LEGACY)))
    base, optional = LEGACY[operation]
    request = {"TableName": "tab", **base, **data.draw(st.fixed_dictionaries({}, optional=optional))}
    call(service, model, operation, request)


@settings(max_examples=EXAMPLES // 3)
@given(NAME_LISTS, NAME_LISTS)
def test_legacy_parameters_of_a_batch_are_taken_or_refused(service, model, names, others):
    asked = {"tab": {"Keys": [KEY], "AttributesToGet": names}, "nowhere": {"Keys": [KEY], "AttributesToGet": others}}
    for parts in (asked, {"tab": asked["tab"]}):
        call(service, model, "BatchGetItem", {"RequestItems": parts})
