"""Every kind of difference between the daemon and dynalite, each explained by what is known of DynamoDB.

A difference is of a kind when its test says so of the request and both outcomes; one of no kind fails the test: find out
who is right, and mend the product or add a kind. The sections are those of the specification that the daemon is built
to, where a recording of the real service decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.differential.comparison import Outcome, Pair

INVALID = "ValidationException"
FAILED = "ConditionalCheckFailedException"
PATH = "The document path provided in the update expression is invalid for update"
MISSING = "The provided expression refers to an attribute that does not exist in the item"
OPERAND = "An operand in the update expression has an incorrect data type"
UNSUPPORTED = "The update expression attempted to update the secondary index key to unsupported type"
EFFECTS = {PATH, MISSING, OPERAND, UNSUPPORTED}  # faults that only the stored item shows
WRONG = "One or more parameter values were invalid: "
WRONG_VALUE = re.compile(
    rf"Supplied AttributeValue is empty|Input collection contains duplicates|{WRONG}An \w+ set  may not be empty"
    "|The parameter cannot be converted to a numeric value"
)
ORDER = ("Projection", "Filter", "KeyCondition", "Update", "Condition")


@dataclass(frozen=True)
class Difference:
    """One kind of difference, and why the daemon answers as it does."""

    kind: str
    because: str
    fits: Callable[[Pair], bool]


def expressions(part: Any) -> Iterator[str]:
    """Find the texts of all expressions of a request."""
    if isinstance(part, list):
        for each in part:
            yield from expressions(each)
    elif isinstance(part, dict):
        for name, each in part.items():
            if name.endswith("Expression"):
                yield each
            else:
                yield from expressions(each)


def has(pair: Pair, pattern: str) -> bool:
    """Whether an expression of the request has the pattern."""
    return any(re.search(pattern, text) for text in expressions(pair.request.body))


def texts(part: Any) -> Iterator[str]:
    """Find all string values of a request."""
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from texts(each)
    if isinstance(part, dict) and isinstance(part.get("S"), str):
        yield part["S"]


def was_run(outcome: Outcome) -> bool:
    """Whether the request was understood, and then done, or refused for what is stored."""
    return outcome.code in {"", FAILED} or outcome.message in EFFECTS


def both_invalid(pair: Pair) -> bool:
    return pair.ours.code == pair.theirs.code == INVALID


def judge_a_condition_differently(pair: Pair) -> bool:
    """Whether one met the condition of a write and the other did not, or they found other items."""
    if not (was_run(pair.ours) and was_run(pair.theirs)):
        return False
    if pair.request.operation in {"Query", "Scan"}:
        return bool(pair.ours.answer["ScannedCount"] == pair.theirs.answer["ScannedCount"])
    return (pair.ours.code == FAILED) != (pair.theirs.code == FAILED)


def compares_what_has_no_order(pair: Pair) -> bool:
    compared = any(
        re.search(r"(<>|<=|>=|<|>|=) (?!:)[a-z#]", pair.request.body.get(name, ""))
        for name in ("ConditionExpression", "FilterExpression")
    )
    return compared and judge_a_condition_differently(pair)


def asks_for_one_key(pair: Pair) -> bool:
    sort = pair.request.body.get("KeyConditions", {}).get("sk", {})
    return has(pair, "^pk = :a0 AND sk = ") or sort.get("ComparisonOperator") == "EQ"


def looks_for_what_is_no_scalar(pair: Pair) -> bool:
    values = pair.request.body.get("ExpressionAttributeValues", {}).values()
    none = any(kind in each for each in values for kind in ("SS", "NS", "BS", "L", "M", "BOOL", "NULL"))
    return has(pair, r"contains\(") and none and judge_a_condition_differently(pair)


def updates_nothing(pair: Pair) -> bool:
    updates = pair.request.body.get("AttributeUpdates", {})
    only_removes = bool(updates) and {each["Action"] for each in updates.values()} == {"DELETE"}
    only_removes |= has(pair, r"^(REMOVE|DELETE) ") and not has(pair, r"\b(SET|ADD) ")
    return only_removes and pair.ours.left == [None] and (not pair.theirs.code or pair.theirs.message == PATH)


def removes_inside_nothing(pair: Pair) -> bool:
    return (
        has(pair, r"\b(REMOVE|DELETE) ")
        and not pair.ours.code
        and (pair.theirs.message, pair.theirs.left) == (PATH, [None])
    )


def left_nothing_to_return(pair: Pair) -> bool:
    if pair.ours.code or pair.theirs.code or pair.request.operation != "UpdateItem":
        return False
    given = pair.ours.answer | {"Attributes": {"M": {}}}
    return [pair.theirs.answer, pair.theirs.left] == [given, pair.ours.left]


def same_but_for_units(pair: Pair) -> bool:
    ours, theirs = pair.ours.answer, pair.theirs.answer
    if pair.ours.code or pair.theirs.code or pair.request.operation != "Query" or "Units" not in ours:
        return False
    return bool(ours | {"Units": 0} == theirs | {"Units": 0})


def read_nothing(pair: Pair) -> bool:
    theirs = pair.theirs.answer
    return same_but_for_units(pair) and [theirs["Pages"], theirs["Units"]] == [[0], [0]]


def fetched_from_the_table(pair: Pair) -> bool:
    body, answer = pair.request.body, pair.ours.answer
    fetches = body.get("IndexName") == "loc" and body.get("Select") == "ALL_ATTRIBUTES"
    return fetches and same_but_for_units(pair) and bool(answer["Units"] == [1 + answer["ScannedCount"]])


def changes_inside_what_it_copies(pair: Pair) -> bool:
    if pair.ours.code or pair.theirs.code or pair.request.operation != "UpdateItem":
        return False
    text = pair.request.body.get("UpdateExpression", "")
    for placeholder, name in pair.request.body.get("ExpressionAttributeNames", {}).items():
        text = text.replace(placeholder, name)
    copied = re.findall(r" = (?:if_not_exists\()?(\w+)(?![\w.\[(])", text)
    return any(re.search(rf"(?<![\w.=]){name}[.\[]", text) for name in copied)


def names_another_fault_of_the_item(pair: Pair) -> bool:
    return {pair.ours.message, pair.theirs.message} <= EFFECTS


def computes_an_index_key(pair: Pair) -> bool:
    computed = has(pair, r"\b[ab] = (list_append|if_not_exists|\S+ [+-] )")
    mismatch = f"{WRONG}Type mismatch for Index Key"
    return (
        computed
        and pair.theirs.message.startswith(mismatch)
        and (was_run(pair.ours) or pair.ours.message.startswith(mismatch))
    )


def names_another_expression(pair: Pair) -> bool:
    named = [re.match(r"Invalid (\w+)Expression: ", outcome.message) for outcome in (pair.ours, pair.theirs)]
    if not all(named):
        return False
    ours, theirs = (ORDER.index(each[1]) for each in named if each)
    return ours < theirs


DIFFERENCES = (
    Difference(
        "a condition compares attributes, or sizes, that are missing or have no order",
        "§4.2: a missing path makes every comparator but <> false, and <, <=, >, >= hold only of two S, N or B of one "
        "type; dynalite compares nothing with nothing, and sets and maps by their text",
        compares_what_has_no_order,
    ),
    Difference(
        "a value of the request that has no order is compared by <, <=, > or >=",
        "§4.2: a literal of a wrong type is a request error",
        lambda pair: (
            re.search(r"operator or function: [<>]=?, operand type: (?![SNB]$)", pair.ours.message) is not None
        ),
    ),
    Difference(
        "an empty text is looked for by IN, contains or attribute_type",
        "§4.2: equality on any type; dynalite finds no empty text",
        lambda pair: (
            has(pair, r" IN \(|contains\(|attribute_type\(")
            and "" in texts(pair.request.body)
            and judge_a_condition_differently(pair)
        ),
    ),
    Difference(
        "contains looks in a list for a value that is no scalar",
        "§4.2: list element equality (deep)",
        looks_for_what_is_no_scalar,
    ),
    Difference(
        "a wrong value in an item and one in an expression",
        "§1.5: step 4, values in ExpressionAttributeValues, before step 5, values in Item",
        lambda pair: both_invalid(pair) and pair.ours.message.startswith("ExpressionAttributeValues contains invalid"),
    ),
    Difference(
        "EQ and NE of AttributeValueList with a value that is no scalar and no set",
        "§12: Types: EQ, NE all",
        lambda pair: (
            re.search(r"ComparisonOperator (EQ|NE) is not valid for (L|M|NULL|BOOL) ", pair.theirs.message) is not None
        ),
    ),
    Difference(
        "a wrong value in AttributeValueList",
        "§3.1: what a value is, in any position; §1.5, step 5, before the table is looked up",
        lambda pair: (
            WRONG_VALUE.match(pair.ours.message) is not None and "ComparisonOperator" in str(pair.request.body)
        ),
    ),
    Difference(
        "a number that is not written as it is stored is compared in Expected or a legacy filter",
        "§4.2: numbers numerically at full precision; dynalite compares these by their text",
        lambda pair: (
            re.search("Expected|QueryFilter|ScanFilter", str(pair.request.body)) is not None
            and re.search(r"'N': '(007|1e2)'", str(pair.request.body)) is not None
            and judge_a_condition_differently(pair)
        ),
    ),
    Difference(
        "NOT NOT",
        "§4.1: condition := NOT condition",
        lambda pair: has(pair, "NOT NOT") and 'Syntax error; Expected "("' in pair.theirs.message,
    ),
    Difference(
        "REMOVE and DELETE on an item that does not exist",
        "§4.3 [C]: missing item + only REMOVE/DELETE: the item is not created; the path is ignored",
        updates_nothing,
    ),
    Difference(
        "REMOVE and DELETE inside of an attribute, in an update that makes the item",
        "§4.3: REMOVE of a path whose parent is missing is ignored on an item that does not exist",
        removes_inside_nothing,
    ),
    Difference(
        "an update removes an element of a list and changes the inside of a later one",
        "§4.3: paths are of the item as before the update, sections apply independent of order",
        lambda pair: has(pair, r"REMOVE .*l\[0\]") and has(pair, r"l\[1\]\.k") and not pair.ours.code,
    ),
    Difference(
        "UPDATED_OLD or UPDATED_NEW of attributes that are not there",
        "§5.3: if nothing remains, Attributes is absent (not {})",
        left_nothing_to_return,
    ),
    Difference(
        "the words for an empty key",
        "§3.3 [C]: One or more parameter values are not valid. …",
        lambda pair: (
            both_invalid(pair) and pair.ours.message.replace("are not valid. ", "were invalid: ") == pair.theirs.message
        ),
    ),
    Difference(
        "an update copies an attribute and changes the inside of it",
        "§4.3: all right-hand sides read the item as before the update; dynalite's copy changes with it",
        changes_inside_what_it_copies,
    ),
    Difference(
        "the units of a page that evaluates nothing",
        "§2.2: minimum 0.5",
        read_nothing,
    ),
    Difference(
        "the units of a read that a local index has to fetch from the table",
        "§2.2 [C]: adds per row walked ceil(base item/4 KB)",
        fetched_from_the_table,
    ),
    Difference(
        "an update has several faults that only the stored item shows",
        "§1.5, step 11: update paths, operand types",
        names_another_fault_of_the_item,
    ),
    Difference(
        "an update computes a value that an index key can't have",
        "§1.5, step 11: what depends on the stored item is looked at after the condition, in the words of §3.3",
        computes_an_index_key,
    ),
    Difference(
        "an update computes an empty index key",
        "§3.3 [C]: attempted to update a secondary index key to a value that is not supported",
        lambda pair: "a secondary index key to a value that is not supported" in pair.ours.message,
    ),
    Difference(
        "ALL_PROJECTED_ATTRIBUTES without an index",
        "§6.1 [C]: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
        lambda pair: pair.ours.message.startswith("ALL_PROJECTED_ATTRIBUTES can be used only"),
    ),
    Difference(
        "a batch names an item twice and has a wrong key",
        "§7.2: … tables, key schema, duplicates",
        lambda pair: (
            both_invalid(pair) and "duplicates" in pair.theirs.message and " key " in pair.ours.message.lower()
        ),
    ),
    Difference(
        "the end of a query for one whole key",
        "§6.1: the start key of such a query is refused, so none is given",
        lambda pair: (
            (pair.ours.answer or {}).get("Pages") == [1]
            and pair.theirs.answer == pair.ours.answer | {"Pages": [1, 0]}
            and asks_for_one_key(pair)
        ),
    ),
    Difference(
        "a read asks for all attributes of an index that has not all, and filters by its key",
        "§1.5: the index before the keys of the filter",
        lambda pair: (
            pair.ours.message.startswith(f"{WRONG}Select type ALL_ATTRIBUTES")
            and pair.theirs.message.startswith("Filter Expression can only contain")
        ),
    ),
    Difference(
        "several expressions of a read have a fault",
        "§4.4 [C]: several expressions in one request: Projection, Filter, KeyCondition",
        names_another_expression,
    ),
)


def explanation(pair: Pair) -> Difference | None:
    """Find the kind of a difference."""
    return next((each for each in DIFFERENCES if each.fits(pair)), None)
