"""The same random programs, run by the daemon and by dynalite: what differs is of a kind that is known and explained.

`DIFFERENTIAL_REQUESTS=20000 scripts/test tests/clients/test_differential.py` looks longer, with a seed of its own.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.clients.differential import transactions
from tests.clients.differential.comparison import Outcome, Pair, compare, create
from tests.clients.differential.differences import explanation
from tests.clients.differential.legacy import legacy_request
from tests.clients.differential.peers import dynalite
from tests.clients.differential.programs import PLAIN, Program, Request
from tests.clients.node_programs import why_no_node

REQUESTS = int(os.environ.get("DIFFERENTIAL_REQUESTS", "1500"))
LEGACY_SHARE = 0.3
SEED = 1 if "DIFFERENTIAL_REQUESTS" not in os.environ else Random().randrange(1 << 32)


@pytest.fixture(scope="module")
def peer(wire):
    """Dynalite, with the tables of all programs, as the daemon has them."""
    if why_no_node():
        pytest.skip(why_no_node())
    with dynalite() as theirs:
        for each in (wire, theirs):
            create(each)
        yield theirs


@pytest.mark.timeout(3600 if "DIFFERENTIAL_REQUESTS" in os.environ else 120)
def test_all_that_differs_is_explained(wire, peer):
    draw = Random(SEED)
    program = Program(draw)
    requests = (legacy_request(draw) if draw.random() < LEGACY_SHARE else program.request() for _ in range(REQUESTS))
    pairs = (compare(wire, peer, request) for request in requests)
    unexplained = [str(pair) for pair in pairs if pair is not None and explanation(pair) is None]
    assert not unexplained, f"seed {SEED}: {len(unexplained)} unexplained:\n" + "\n".join(unexplained[:10])


@pytest.mark.timeout(3600 if "DIFFERENTIAL_REQUESTS" in os.environ else 120)
def test_a_transaction_does_what_its_actions_do_alone_or_nothing(wire, peer):
    draw = Random(SEED)
    for _ in range(REQUESTS // 5):
        actions = transactions.transaction(draw)
        difference = transactions.agree(wire, peer, actions)
        assert difference is None, f"seed {SEED}: {actions}\n  wanted: {difference[0]}\n  found:  {difference[1]}"


FAILED = Outcome(None, "ConditionalCheckFailedException", "The conditional request failed", [None])
DONE = Outcome({}, left=[{"M": {"pk": {"S": "p"}}}])


@pytest.mark.parametrize(
    ("body", "ours", "theirs"),
    [
        ({"ConditionExpression": "a = :a0"}, DONE, FAILED),
        ({"ConditionExpression": "attribute_exists(a)"}, FAILED, DONE),
        ({}, DONE, Outcome({}, left=[None])),
        ({}, DONE, Outcome({"Attributes": {"M": {}}}, left=[None])),
        ({"ConditionExpression": "a = b"}, DONE, Outcome({}, left=[None])),
        ({"UpdateExpression": "SET a = b"}, DONE, Outcome({}, left=[None])),
        ({"UpdateExpression": "SET a = b"}, FAILED, DONE),
        ({}, Outcome(None, "InternalServerError", "Internal server error", [None]), FAILED),
    ],
)
def test_a_fault_would_not_be_explained(body, ours, theirs):
    request = Request("PutItem", {"TableName": PLAIN, "Item": {"pk": {"S": "p"}}} | body)
    assert explanation(Pair(request, ours, theirs)) is None
