"""Random transactions, and what they come to by the word of a peer that has none.

The actions of a transaction are about different items, so that each does alone what it does among the others: the peer
does them one by one. If all succeed, the transaction has to, with the same result; else it has to be refused, with the
reason of each at its place, and leave everything as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.clients.differential.comparison import level, stored, value
from tests.clients.differential.expressions import TEXTS, Expressions
from tests.clients.differential.programs import PLAIN, WIDE, item, key
from tests.integration.wire import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from tests.integration.wire import Wire

ALONE = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "UpdateItem"}
REASONS = {"ConditionalCheckFailedException": "ConditionalCheckFailed", "ValidationException": "ValidationError"}
TOP = ("a", "b", "v", "w", "gone")


@dataclass(frozen=True)
class Result:
    """What became of a transaction: a reason for each action, none if it was done, and the items afterwards."""

    reasons: list[str] | None
    left: list[Any]


def transaction(draw: Random) -> list[dict[str, Any]]:
    """Make the actions of one transaction, each on an item of its own."""
    actions, places = [], set()
    for _ in range(draw.randint(1, 5)):
        action = any_action(draw)
        ((table, holder),) = touched([action])
        place = (table, str(holder.get("pk")), str(holder.get("sk")))
        if place not in places:
            places.add(place)
            actions.append(action)
    return actions


def any_action(draw: Random) -> dict[str, Any]:
    """Make an action whose meaning is beyond doubt, see `differences`."""
    table = WIDE if draw.random() < 0.8 else PLAIN
    kind = draw.choice(["Put", "Put", "Update", "Update", "Delete", "ConditionCheck"])
    written = Expressions(draw)
    body: dict[str, Any] = {"TableName": table}
    body |= {"Item": item(draw, table)} if kind == "Put" else {"Key": key(draw, table)}
    if kind == "Update":
        body["UpdateExpression"] = (
            f"SET {draw.choice(TOP[2:])} = {written.value()} ADD count_ {written.value({'N': '1'})}"
        )
    if kind == "ConditionCheck" or draw.random() < 0.3:
        body["ConditionExpression"] = condition(draw, written)
    return {kind: body | written.members()}


def condition(draw: Random, written: Expressions) -> str:
    """Write a condition that is met about as often as not."""
    path = draw.choice(TOP)
    match draw.randrange(4):
        case 0:
            return "attribute_exists(pk)"
        case 1:
            return f"attribute_not_exists({path})"
        case 2:
            return f"NOT {path} = {written.value({'S': draw.choice(TEXTS)})}"
        case _:
            return f"attribute_exists({path}) OR attribute_not_exists(pk)"


def touched(actions: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name the items that actions are about."""
    for action in actions:
        (body,) = action.values()
        yield body["TableName"], body.get("Key", body.get("Item"))


def left(wire: Wire, actions: list[dict[str, Any]]) -> list[Any]:
    """Read the items that actions are about."""
    items = [stored(wire, table, holder) for table, holder in touched(actions)]
    return [item and value({"M": item}) for item in items]


def expected(theirs: Wire, actions: list[dict[str, Any]]) -> Result:
    """Do the actions one by one, and tell what the transaction has to come to."""
    before = left(theirs, actions)
    reasons = []
    for action in actions:
        ((kind, body),) = action.items()
        try:
            theirs.call(ALONE[kind], **body)
            reasons.append("None")
        except Refused as refused:
            reasons.append(REASONS[refused.code])
    if set(reasons) != {"None"}:
        return Result(reasons, before)
    after = left(theirs, actions)
    checks = ["ConditionCheck" in action for action in actions]  # an update of nothing, which may have made an item
    return Result(None, [old if check else new for check, old, new in zip(checks, before, after, strict=True)])


def actual(ours: Wire, actions: list[dict[str, Any]]) -> Result:
    """Run the transaction."""
    reasons = None
    try:
        ours.call("TransactWriteItems", TransactItems=actions)
    except Refused as refused:
        told = refused.body.get("CancellationReasons", [{"Code": REASONS.get(refused.code, refused.code)}])
        reasons = [reason["Code"] for reason in told]
    return Result(reasons, left(ours, actions))


def agree(ours: Wire, theirs: Wire, actions: list[dict[str, Any]]) -> tuple[Result, Result] | None:
    """Run a transaction against both; give both results if they are not the same.

    A request with a wrong value is refused as a whole, so the place of the reason is not told; and the first of them
    is, and no other reason.
    """
    wanted, found = expected(theirs, actions), actual(ours, actions)
    level(ours, theirs, touched(actions))
    both_wrong = all("ValidationError" in (result.reasons or ()) for result in (wanted, found))
    same = wanted.left == found.left and (both_wrong or wanted.reasons == found.reasons)
    return None if same else (wanted, found)
