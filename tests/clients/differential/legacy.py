"""Random requests with the parameters of the time before expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.clients.differential.expressions import NUMBERS, TEXTS, any_set, any_value
from tests.clients.differential.programs import INDEXES, PLAIN, TYPES, WIDE, Request, item, key

if TYPE_CHECKING:
    from random import Random

NAMES = ("a", "b", "v", "w", "s", "l", "m", "gone")


def legacy_request(draw: Random) -> Request:
    """Make one request."""
    return draw.choice([put, update, update, delete, get, query, scan])(draw)


def scalar(draw: Random) -> dict[str, str]:
    """Write a string or a number."""
    return draw.choice([{"S": draw.choice(TEXTS[:4])}, {"N": draw.choice(NUMBERS)}])


def comparison(draw: Random) -> dict[str, Any]:
    """Write one condition."""
    operators = [
        "EQ",
        "NE",
        "LT",
        "LE",
        "GT",
        "GE",
        "CONTAINS",
        "NOT_CONTAINS",
        "BEGINS_WITH",
        "NULL",
        "NOT_NULL",
        "IN",
    ]
    operator = draw.choice([*operators, "BETWEEN"])
    match operator:
        case "NULL" | "NOT_NULL":
            values: list[Any] = []
        case "BEGINS_WITH":
            values = [{"S": draw.choice(TEXTS[:4])}]
        case "BETWEEN":
            values = [{"N": "0"}, {"N": str(draw.randrange(1, 9))}]
        case "IN":
            values = [{"S": text} for text in draw.sample(TEXTS[:4], 2)]
        case "EQ" | "NE":
            values = [any_value(draw)]
        case _:
            values = [scalar(draw)]
    if draw.random() < 0.02:
        values = [*values, scalar(draw)]
    return {"ComparisonOperator": operator, "AttributeValueList": values}


def conditions(draw: Random, name: str, but: tuple[str | None, ...] = ()) -> dict[str, Any]:
    """Write the member `name` with one to three conditions; dynalite knows no OR of them."""
    names = draw.sample([each for each in NAMES if each not in but], draw.randint(1, 3))
    members: dict[str, Any] = {name: {each: comparison(draw) for each in names}}
    if len(names) > 1 and draw.random() < 0.5:
        members["ConditionalOperator"] = "AND"
    return members


def expected(draw: Random) -> dict[str, Any]:
    """Write the condition of a write, if it shall have one."""
    if draw.random() < 0.5:
        return {}
    if draw.random() < 0.5:
        return conditions(draw, "Expected")
    return {"Expected": {draw.choice(NAMES): draw.choice([{"Exists": False}, {"Value": any_value(draw)}])}}


def table(draw: Random) -> str:
    return draw.choice([WIDE, WIDE, PLAIN])


def put(draw: Random) -> Request:
    name = table(draw)
    body = {"TableName": name, "Item": item(draw, name), "ReturnValues": draw.choice(["NONE", "ALL_OLD"])}
    return Request("PutItem", body | expected(draw))


def delete(draw: Random) -> Request:
    name = table(draw)
    return Request("DeleteItem", {"TableName": name, "Key": key(draw, name)} | expected(draw))


def update(draw: Random) -> Request:
    name = table(draw)
    returned = draw.choice(["NONE", "ALL_OLD", "ALL_NEW"])
    updates = {each: change(draw) for each in draw.sample(NAMES, draw.randint(1, 3))}
    body = {"TableName": name, "Key": key(draw, name), "AttributeUpdates": updates, "ReturnValues": returned}
    return Request("UpdateItem", body | expected(draw))


def change(draw: Random) -> dict[str, Any]:
    """Write what becomes of one attribute."""
    match draw.randrange(6):
        case 0:
            return {"Action": "DELETE"}
        case 1:
            return {"Action": "DELETE", "Value": any_set(draw)}
        case 2:
            return {"Action": "ADD", "Value": draw.choice([{"N": "1"}, any_set(draw), {"L": [any_value(draw, 1)]}])}
        case _:
            return {"Action": "PUT", "Value": any_value(draw)}


def get(draw: Random) -> Request:
    name = table(draw)
    names = draw.sample(NAMES, draw.randint(1, 3))
    return Request("GetItem", {"TableName": name, "Key": key(draw, name), "AttributesToGet": names})


def query(draw: Random) -> Request:
    name = draw.choice(list(INDEXES))
    first, second = INDEXES[name]
    among = {"pk": ("p", "q"), "a": TEXTS[:4], "b": NUMBERS}[first]
    keys = {first: {"ComparisonOperator": "EQ", "AttributeValueList": [{TYPES[first]: draw.choice(among)}]}}
    if second is not None and draw.random() < 0.5:
        value = {TYPES[second]: draw.choice(TEXTS[:4] if TYPES[second] == "S" else NUMBERS)}
        operator = draw.choice(["EQ", "LT", "LE", "GT", "GE"])
        keys[second] = {"ComparisonOperator": operator, "AttributeValueList": [value]}
    body: dict[str, Any] = {"TableName": WIDE, "KeyConditions": keys} | ({} if name is None else {"IndexName": name})
    if draw.random() < 0.5:
        body |= conditions(draw, "QueryFilter", (first, second))
    if draw.random() < 0.3:
        body["Limit"] = draw.randint(1, 3)
    return Request("Query", body)


def scan(draw: Random) -> Request:
    body = {"TableName": WIDE} | conditions(draw, "ScanFilter")
    return Request("Scan", body | ({"Limit": draw.randint(1, 4)} if draw.random() < 0.4 else {}))
